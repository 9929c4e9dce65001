import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApp } from '../../support/app.ts';
import { createIdp, type Idp } from '../../support/saml-idp.ts';
import { boxWith, signInThrough, whoIs } from './box.ts';

describe('signing in through SAML', () => {
  let box: TestApp;
  let idp: Idp;
  beforeAll(async () => {
    idp = await createIdp('https://idp.example');
    box = await boxWith(idp);
  });
  afterAll(() => box[Symbol.asyncDispose]());

  it('makes an account for somebody new and lets them in', async () => {
    const answer = await signInThrough(box, idp);
    expect([answer.status, answer.location]).toEqual([303, '/']);
    expect(await whoIs(answer.browser)).toBe('alice@example.com');
  });
});
