import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createOidcBox, type OidcBox } from '../../support/oidc-box.ts';

describe('signing in through a provider', () => {
  let box: OidcBox;
  beforeEach(async () => {
    box = await createOidcBox();
  });
  afterEach(() => box[Symbol.asyncDispose]());

  it('makes an account for whoever has none, and leads to the page that was asked for', async () => {
    const browser = box.browser();
    const login = await browser.get('/login?return_to=%2Faccount');
    expect(login.text).toContain('href="/auth/oidc/google?return_to=%2Faccount"');
    const answer = await box.signIn(browser, { returnTo: '/account' });
    expect([answer.status, answer.location]).toEqual([303, '/account']);
    expect((await browser.get('/account')).text).toContain('alice@example.com');
  });
});
