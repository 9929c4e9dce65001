import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { userById } from '../../../core/accounts/store.ts';
import type { Plugin } from '../../../core/plugin/contract.ts';
import { plugins } from '../../../plugins/index.ts';
import type { TestBrowser } from '../../support/app.ts';
import { ALICE, createOidcBox, type OidcBox } from '../../support/oidc-box.ts';

/** Whoever is no administrator has one, as far as core is told. */
const factor: Plugin = {
  manifest: { id: 'factor', title: 'Factor', summary: '' },
  setup: ({ clock, db }) => ({
    secondFactor: {
      id: 'factor',
      label: 'Factor',
      icon: 'key',
      challengePath: '/mfa/factor',
      enrolPath: '/mfa/factor/new',
      list: async (userId) => ((await userById(db, userId))?.role === 'admin' ? [] : [{ id: '1', name: 'One', createdAt: clock.now(), lastUsedAt: null }]),
      remove: async () => {},
    },
  }),
};

const LONG = 'x'.repeat(5_000);

describe('signing in through a provider', () => {
  let box: OidcBox;
  let browser: TestBrowser;
  beforeAll(async () => {
    box = await createOidcBox();
  });
  beforeEach(async () => {
    browser = box.browser();
    box.provider.tamper.clear();
    box.provider.people.set('alice', { ...ALICE });
    await box.configure({ auto_create_users: true, allowed_domains: [], admin_claim: null, admin_values: [], enabled: true });
  });
  afterAll(() => box[Symbol.asyncDispose]());

  const person = (subject: string, claims: Readonly<Record<string, unknown>> = {}) =>
    box.provider.people.set(subject, { email: `${subject}@example.com`, email_verified: true, ...claims });
  const userNamed = async (email: string) => (await box.api.call('GET', `/users?q=${encodeURIComponent(email)}`)).body[0];

  async function expectRefused(answer: Awaited<ReturnType<TestBrowser['get']>>, sentence: string | RegExp): Promise<void> {
    expect(answer.text).toContain('Sign-in did not work');
    expect(answer.text).toMatch(sentence);
    expect(answer.text).toContain('href="/login"');
    expect((await browser.get('/account')).location).toMatch(/^\/login/);
  }

  it('makes an account for whoever has none, and leads to the page that was asked for', async () => {
    expect((await browser.get('/login?return_to=%2Faccount')).text).toContain('href="/auth/oidc/google?return_to=%2Faccount"');
    const answer = await box.signIn(browser, { returnTo: '/account' });
    expect([answer.status, answer.location]).toEqual([303, '/account']);
    const account = await browser.get('/account');
    expect(account.text).toContain('alice@example.com');
    expect((await userNamed('alice@example.com')).role).toBe('unprivileged');
    expect((await userNamed('alice@example.com')).last_signed_in_method).toBe('oidc:google');
    expect((await browser.get('/admin')).status).toBe(403);
  });

  it('knows people again by issuer and subject, whatever their address has become', async () => {
    person('moving');
    await box.signIn(browser, { as: 'moving' });
    person('moving', { email: 'moved@example.com' });
    const later = box.browser();
    await box.signIn(later, { as: 'moving' });
    expect((await later.get('/account')).text).toContain('moving@example.com');
    expect(await userNamed('moved@example.com')).toBeUndefined();
  });

  it('links an account that has the same verified address, once for all', async () => {
    await box.api.call('POST', '/users', { email: 'bob@example.com', password: 'a password of bob' });
    person('b-1', { email: 'Bob@Example.com' });
    expect((await box.signIn(browser, { as: 'b-1' })).status).toBe(303);
    expect((await browser.get('/account')).text).toContain('bob@example.com');
  });

  it.each([[false], [undefined], [1], ['yes'], ['TRUE'], [null], [['true']]])('never links by an address whose verification is %j', async (flag) => {
    await box.api.call('POST', '/users', { email: 'victim@example.com', password: 'a password of victim' });
    person(`u-${JSON.stringify(flag)}`, { email: 'victim@example.com', email_verified: flag });
    await expectRefused(await box.signIn(browser, { as: `u-${JSON.stringify(flag)}` }), 'has not verified that victim@example.com is yours');
  });

  it('takes the word "true" of a provider that writes flags as text', async () => {
    person('texts', { email_verified: 'true' });
    expect((await box.signIn(browser, { as: 'texts' })).status).toBe(303);
  });

  it('never links to an administrator, whatever groups come along', async () => {
    await box.configure({ admin_claim: 'groups', admin_values: ['admins'] });
    person('mallory', { email: 'admin@example.com', groups: ['admins'] });
    await expectRefused(await box.signIn(browser, { as: 'mallory' }), 'An administrator has this email address');
  });

  it('says so when somebody has no account and none is made', async () => {
    await box.configure({ auto_create_users: false });
    person('stranger');
    await expectRefused(await box.signIn(browser, { as: 'stranger' }), 'There is no account for stranger@example.com here');
    expect(await userNamed('stranger@example.com')).toBeUndefined();
  });

  it('says so when the provider tells no address', async () => {
    person('nameless', { email: undefined });
    await expectRefused(await box.signIn(browser, { as: 'nameless' }), 'did not say which email address');
  });

  it('says so to who is disabled', async () => {
    person('leaver');
    await box.signIn(browser, { as: 'leaver' });
    await box.api.call('POST', `/users/${(await userNamed('leaver@example.com')).id}/disable`);
    await expectRefused(await box.signIn(browser, { as: 'leaver' }), 'Your account is disabled');
  });

  it.each([
    ['user@allowed.com', true, 303],
    ['user@ALLOWED.com', true, 303],
    ['user@allowed.com.evil.com', true, 403],
    ['user@sub.allowed.com', true, 403],
    ['user@notallowed.com', true, 403],
    ['allowed.com@evil.com', true, 403],
    ['"a@allowed.com"@evil.com', true, 403],
    ['other@allowed.com', false, 403],
  ])('with one allowed domain lets %s (verified: %s) get %i', async (email, isVerified, status) => {
    await box.configure({ allowed_domains: ['allowed.com'] });
    person(`d-${email}-${isVerified}`, { email, email_verified: isVerified });
    expect((await box.signIn(browser, { as: `d-${email}-${isVerified}` })).status).toBe(status);
  });

  it.each([
    ['is of another domain now', { email: 'was-here@other.com' }],
    ['is no longer verified', { email: 'was-here@allowed.com', email_verified: false }],
    ['is not told any more', { email: undefined }],
  ])('lets nobody in, known or not, whose address %s', async (_, claims) => {
    await box.configure({ allowed_domains: ['allowed.com'] });
    person('was-here', { email: 'was-here@allowed.com' });
    expect((await box.signIn(box.browser(), { as: 'was-here' })).status).toBe(303);
    person('was-here', claims);
    await expectRefused(await box.signIn(browser, { as: 'was-here' }), 'Only people with a verified email address of certain domains');
  });

  it('lets the claim decide who is an administrator, both ways', async () => {
    await box.configure({ admin_claim: 'groups', admin_values: ['VPN Admins', 'root'] });
    person('chief', { groups: ['staff', 'VPN Admins'] });
    await box.signIn(browser, { as: 'chief' });
    expect((await browser.get('/admin')).status).toBe(200);
    for (const groups of [['VPN'], 'staff', undefined, [{ name: 'root' }], ['vpn admins']]) {
      person('chief', { groups });
      const later = box.browser();
      await box.signIn(later, { as: 'chief' });
      expect([groups, (await later.get('/admin')).status]).toEqual([groups, 403]);
    }
    person('chief', { groups: 'root' });
    await box.signIn(browser, { as: 'chief' });
    expect((await browser.get('/admin')).status).toBe(200);
  });

  it.each(['..', 'a/b', '../../admin', LONG, `${LONG}y`, 'a\u0000b', 'a\nb', 'a', 'A', 'a ', ' a', 'ａ', '%61', "a'--", '<b>a</b>'])(
    'keeps the subject %.9j apart from all others',
    async (subject) => {
      const email = `s${createHash('sha256').update(subject).digest('hex').slice(0, 40)}@example.com`;
      const as = (address: string) =>
        box.provider.tamper.set('/token', (body) => ({ ...body, id_token: box.provider.forge(body['id_token'], { sub: subject, email: address }) }));
      as(email);
      expect((await box.signIn(browser)).status).toBe(303);
      as('another@example.com');
      const again = box.browser();
      await box.signIn(again);
      expect((await again.get('/account')).text).toContain(email);
    },
  );

  it('shows hostile claims as text on every page', async () => {
    const payload = `"'><img src=x onerror=alert(1)><script>alert(1)</script>`;
    person(payload, { email: 'xss@example.com', name: payload, groups: [payload] });
    await box.configure({ label: payload.slice(0, 80) });
    await box.signIn(browser, { as: payload });
    const admin = await box.signedIn();
    const { id } = await userNamed('xss@example.com');
    const paths = ['/account', '/admin/users', `/admin/users/${id}`, '/admin/audit', '/admin/settings/oidc', '/admin/settings/oidc/providers/google'];
    const nobody = box.browser();
    const pages = [
      ...(await Promise.all(paths.map((path) => admin.get(path)))),
      await browser.get('/account'),
      await admin.get('/admin/settings/oidc/providers/google/delete'),
      await nobody.get('/login'),
      await nobody.get(`/auth/oidc/google/callback?error=${encodeURIComponent(payload)}&error_description=${encodeURIComponent(payload)}&state=x`),
      await admin.get('/admin/diagnostics'),
    ];
    for (const { text } of pages) expect(text).not.toMatch(/<img src=x|<script>alert/);
    const begun = await nobody.get('/auth/oidc/google');
    const state = new URL(begun.location ?? '').searchParams.get('state');
    const iss = encodeURIComponent(box.provider.issuer);
    const failed = await nobody.get(
      `/auth/oidc/google/callback?error=${encodeURIComponent(payload)}&error_description=${encodeURIComponent(payload)}&state=${state}&iss=${iss}`,
    );
    expect(failed.text).toContain('Sign-in did not work');
    expect(failed.text).not.toMatch(/<img src=x|<script>alert/);
    await box.configure({ label: 'google' });
  });

  it.each(['//evil.example.com', 'https://evil.example.com', '/\\evil.example.com', '/\t/evil.example.com', 'javascript:alert(1)'])(
    'leads nobody elsewhere: return_to=%s',
    async (returnTo) => {
      expect((await box.signIn(browser, { returnTo })).location).toBe('/');
      expect((await browser.get(`/auth/oidc/google?return_to=${encodeURIComponent(returnTo)}`)).location).toBe('/');
    },
  );

  it('says what the provider refused, in our words', async () => {
    const begun = await browser.get('/auth/oidc/google');
    const state = new URL(begun.location ?? '').searchParams.get('state');
    const query = new URLSearchParams({ error: 'access_denied', error_description: 'You are <b>bad</b>', state: state ?? '', iss: box.provider.issuer });
    const answer = await browser.get(`/auth/oidc/google/callback?${query}`);
    expect(answer.status).toBe(403);
    await expectRefused(answer, 'You were not let in by google');
    expect(answer.text).not.toContain('bad');
  });

  it('knows no provider that is off, unknown or oddly spelled', async () => {
    await box.configure({ enabled: false });
    expect((await browser.get('/login')).text).not.toContain('/auth/oidc/');
    for (const id of ['google', 'nobody', '..%2fgoogle', 'google%00', 'GOOGLE', '__proto__'])
      for (const rest of ['', '/callback?code=x&state=y']) expect([id, (await browser.get(`/auth/oidc/${id}${rest}`)).status]).toEqual([id, 404]);
  });

  it('answers with a slash at the end where Firezone had it registered', async () => {
    await box.configure({ trailing_slash: true });
    const begun = await browser.get('/auth/oidc/google');
    expect(new URL(begun.location ?? '').searchParams.get('redirect_uri')).toBe('http://localhost:13000/auth/oidc/google/callback/');
    await box.configure({ trailing_slash: false });
    const answer = await box.answerFor(browser);
    expect((await browser.get(answer.replace('/callback?', '/callback/?'))).status).toBe(303);
  });

  it('asks for the second factor, unless the provider is trusted for it', async () => {
    await using careful = await createOidcBox({}, { plugins: [...plugins, factor] });
    const visitor = careful.browser();
    expect((await careful.signIn(visitor)).location).toBe('/mfa');
    expect((await visitor.get('/account')).location).toMatch(/^\/login/);
    await careful.configure({ trusted_for_second_factor: true });
    expect((await careful.signIn(careful.browser(), { returnTo: '/devices' })).location).toBe('/devices');
  });
});

describe('a provider that tells more at its userinfo endpoint', () => {
  it('is asked there for what the ID token leaves out, about the same subject only', async () => {
    await using box = await createOidcBox({ admin_claim: 'groups', admin_values: ['admins'] }, { claimsInIdToken: false });
    box.provider.people.set('alice', { ...ALICE, groups: ['admins'] });
    const browser = box.browser();
    expect((await box.signIn(browser)).status).toBe(303);
    expect((await browser.get('/admin')).status).toBe(200);
    box.provider.tamper.set('/me', (body) => ({ ...body, sub: 'mallory' }));
    expect((await box.signIn(box.browser())).status).toBe(401);
    box.provider.tamper.clear();
    box.provider.fail.set('/me', 500);
    expect((await box.signIn(box.browser())).text).toContain('Sign-in did not work');
    expect((await browser.get('/admin')).status).toBe(200);
  });
});
