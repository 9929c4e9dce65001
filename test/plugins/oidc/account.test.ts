import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestBrowser } from '../../support/app.ts';
import { ALICE, createOidcBox, type OidcBox } from '../../support/oidc-box.ts';

const BOB = { email: 'bob@example.com', password: 'a password of bob' };
const CAROL = { email: 'carol@example.com', password: 'a password of carol' };

describe('connecting a provider to one’s account', () => {
  let box: OidcBox;
  let bob: TestBrowser;
  beforeAll(async () => {
    box = await createOidcBox({ auto_create_users: false });
    for (const person of [BOB, CAROL]) await box.api.call('POST', '/users', person);
  });
  beforeEach(async () => {
    bob = await box.signedIn(BOB);
  });
  afterAll(() => box[Symbol.asyncDispose]());

  const linkOf = async (browser: TestBrowser) => /href="(\/auth\/oidc\/google\/connect\?token=[^"]+)"/.exec((await browser.get('/account')).text)?.[1] ?? '';
  const answerFor = async (browser: TestBrowser, subject: string) => {
    box.provider.people.set(subject, { email: `${subject}@elsewhere.example`, email_verified: true });
    box.provider.loginAs = subject;
    const back = await box.provider.visit((await browser.get(await linkOf(browser))).location);
    return back.pathname + back.search;
  };

  it('lets its owner in by it from then on, and is offered no more', async () => {
    const admin = await box.signedIn();
    expect((await admin.get(await answerFor(admin, 'the-admin'))).location).toBe('/account');
    const account = await admin.get('/account');
    expect(account.text).toContain('google is connected');
    expect(account.text).not.toContain('/auth/oidc/google/connect');
    const browser = box.browser();
    await box.signIn(browser, { as: 'the-admin' });
    expect((await browser.get('/admin')).status).toBe(200);
  });

  it('is begun by the link on the account page alone, so that no other site can begin it', async () => {
    const carol = await box.signedIn(CAROL);
    const link = await linkOf(bob);
    const carols = new URL(await linkOf(carol), 'http://localhost').searchParams.get('token') ?? '';
    for (const path of [
      '/auth/oidc/google/connect',
      '/auth/oidc/google/connect?token=',
      `/auth/oidc/google/connect?token=${carols}`,
      link.replace('google', 'okta'),
    ])
      expect([403, 404]).toContain((await bob.get(path)).status);
    expect((await box.browser().get(link)).location).toMatch(/^\/login/);
  });

  it('comes to an end only in the session that began it', async () => {
    const answer = await answerFor(bob, 'planted');
    const carol = await box.signedIn(CAROL);
    expect((await carol.get(answer)).status).toBe(401);
    expect((await box.browser().get(answer)).status).toBe(401);
    const otherOfBob = await box.signedIn(BOB);
    expect((await otherOfBob.get(answer)).status).toBe(401);
    await bob.post('/logout');
    expect((await bob.get(answer)).status).toBe(401);
    expect((await carol.get('/account')).text).not.toContain('planted');
  });

  it('gives nobody the identity of somebody else', async () => {
    const carol = await box.signedIn(CAROL);
    await carol.get(await answerFor(carol, 'of-carol'));
    const refused = await bob.get(await answerFor(bob, 'of-carol'));
    expect(refused.status).toBe(409);
    expect(refused.text).toContain('This identity belongs to another account');
    expect(refused.text).toContain('href="/account"');
  });

  it('obeys the domains of the provider', async () => {
    await box.configure({ allowed_domains: ['example.com'] });
    expect((await bob.get(await answerFor(bob, 'foreign'))).status).toBe(403);
    await box.configure({ allowed_domains: [] });
  });

  it('shows no card where nothing can be connected', async () => {
    await box.configure({ enabled: false });
    expect((await bob.get('/account')).text).not.toContain('Sign in another way');
    await box.configure({ enabled: true });
  });

  it('cannot be repeated after it was disconnected by an old link’s answer', async () => {
    const answer = await answerFor(bob, 'once');
    expect((await bob.get(answer)).location).toBe('/account');
    expect((await bob.get(answer)).status).toBe(401);
  });
});

describe('signing out', () => {
  let box: OidcBox;
  beforeAll(async () => {
    box = await createOidcBox();
    box.provider.people.set('alice', { ...ALICE });
  });
  afterAll(() => box[Symbol.asyncDispose]());

  it('offers to sign out at the provider as well, which then leads back', async () => {
    const browser = box.browser();
    await box.signIn(browser);
    const out = await browser.post('/logout');
    expect(out.location).toMatch(/^\/auth\/oidc\/google\/signed-out\?ticket=v1\./);
    const page = await browser.get(out.location ?? '');
    expect(page.text).toContain('You are signed out');
    const link = new URL((/href="(http:\/\/127[^"]+)"/.exec(page.text)?.[1] ?? '').replaceAll('&amp;', '&'));
    expect(link.origin + link.pathname).toBe(`${box.provider.issuer}/session/end`);
    expect(link.searchParams.get('post_logout_redirect_uri')).toBe('http://localhost:13000/login');
    expect(link.searchParams.get('id_token_hint')).toMatch(/^ey[\w-]+\.[\w-]+\.[\w-]+$/);
    expect((await fetch(link, { redirect: 'manual' })).status).toBe(200);
    expect((await browser.get('/account')).location).toMatch(/^\/login/);
  });

  it('shows nobody else’s token: the link ends after five minutes, and cannot be made up', async () => {
    const browser = box.browser();
    await box.signIn(browser);
    const { location } = await browser.post('/logout');
    const stranger = box.browser();
    for (const ticket of ['', 'x', `${box.app.secrets.seal('{}')}`, `${box.app.secrets.seal('null')}`, `${location?.split('ticket=')[1]}x`])
      expect((await stranger.get(`/auth/oidc/google/signed-out?ticket=${ticket}`)).text).not.toContain('id_token_hint');
    box.clock.advance(5 * 60_000 + 1);
    expect((await stranger.get(location ?? '')).text).not.toContain('id_token_hint');
  });

  it('asks the provider nothing, and goes to the sign-in page after other ways in', async () => {
    const browser = box.browser();
    await box.signIn(browser);
    const asked = box.provider.asked.length;
    await browser.post('/logout');
    expect(box.provider.asked.length).toBe(asked);
    const admin = await box.signedIn();
    expect((await admin.post('/logout')).location).toBe('/login');
  });
});
