import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemActor } from '../../../core/accounts/permissions.ts';
import { secondFactorSlot } from '../../../core/plugin/contract.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { codeAt } from '../../support/codes.ts';

const MINUTE = 60_000;
const ENROL = '/account/totp/new';
const USER = { email: 'user@example.com', password: 'the password of a user' };

describe('a session cookie alone, ten minutes after the sign-in', () => {
  let box: TestApp;
  let thief: TestBrowser;
  let factor: string;
  let userId: string;

  beforeEach(async () => {
    box = await createTestApp();
    thief = await box.signedIn();
    await enrol(thief);
    factor = /\/account\/factors\/totp\/[0-9a-f-]{36}\/remove/.exec((await thief.get('/account')).text)?.[0] ?? '';
    userId = String(box.app.db.writer.prepare('SELECT id FROM users').pluck().get());
    expect(factor).not.toBe('');
  });
  afterEach(() => box[Symbol.asyncDispose]());

  async function enrol(browser: TestBrowser) {
    const secret = /id="secret">(.*?)<\/p>/s.exec((await browser.get(ENROL)).text)?.[1]?.replace(/<[^>]*>|\s/g, '') ?? '';
    const answer = await browser.post(ENROL, { name: 'Phone', code: codeAt(secret, box.clock.now()) });
    return { secret, answer };
  }

  /** All that decides how people sign in. */
  const state = () =>
    JSON.stringify(
      ['totp_methods', 'webauthn_credentials', 'recovery_codes', 'identities', 'api_tokens'].map((table) =>
        box.app.db.writer.prepare(`SELECT * FROM ${table}`).all(),
      ),
    ) + JSON.stringify(box.app.db.writer.prepare('SELECT email, password_hash FROM users').all());

  const isAskedFor = ({ status, location }: { readonly status: number; readonly location: string | null }) =>
    status === 303 && (location ?? '').startsWith('/account/prove?return_to=');

  it('neither adds nor removes a second factor, makes recovery codes or tokens, nor changes its own email or password', async () => {
    box.clock.advance(10 * MINUTE + 1);
    const before = state();
    const enrolPaths = box.app.host.all(secondFactorSlot).map(({ enrolPath }) => enrolPath);
    expect(enrolPaths.length).toBeGreaterThan(1);
    for (const path of [...enrolPaths, factor, '/account/tokens/new', `/admin/users/${userId}/factors-reset`, '/auth/oidc/any/connect'])
      expect(isAskedFor(await thief.get(path)), path).toBe(true);
    const own = { email: 'thief@example.com', role: 'admin', password: 'a password of the thief' };
    for (const path of [
      ...enrolPaths,
      factor,
      '/account/tokens',
      '/account/recovery-codes',
      `/admin/users/${userId}/factors-reset`,
      `/admin/users/${userId}`,
      '/account/saml/any/connect',
      '/account/identities/any/remove',
    ])
      expect(isAskedFor(await thief.post(path, { ...own, name: 'Planted', code: '123456', days: '30' })), path).toBe(true);
    expect(state()).toBe(before);
  });

  it('is enough until then', async () => {
    box.clock.advance(10 * MINUTE);
    expect((await thief.get(factor)).status).toBe(200);
    expect((await thief.post(factor)).location).toBe('/account');
    expect((await enrol(thief)).answer.location).toBe('/account/recovery-codes');
    expect((await thief.post('/account/recovery-codes')).status).toBe(201);
  });

  it('is not made fresh by a clock that goes back', async () => {
    const later = await box.app.db.writer.prepare("UPDATE sessions SET data = json_set(data, '$.signedInAt', ?)").run(box.clock.now().getTime() + 86_400_000);
    expect(later.changes).toBeGreaterThan(0);
    expect(isAskedFor(await thief.get(ENROL))).toBe(true);
  });

  it('is led through a sign-in with all factors, and back', async () => {
    await box.app.users.create(systemActor('test', 'job'), { ...USER, role: 'unprivileged' });
    const user = await box.signedIn(USER);
    const { secret } = await enrol(user);
    box.clock.advance(11 * MINUTE);
    const asked = await user.get(ENROL);
    expect(asked.location).toBe('/account/prove?return_to=%2Faccount%2Ftotp%2Fnew');
    const page = await user.get(asked.location ?? '');
    expect(page.text).toContain('name="returnTo" value="/account/totp/new"');
    const login = await user.post('/account/sign-in-again', { returnTo: ENROL });
    expect(login.location).toBe('/login?return_to=%2Faccount%2Ftotp%2Fnew');
    // The password alone is not it.
    expect((await user.post('/login', { ...USER, returnTo: ENROL })).location).toBe('/mfa');
    expect((await user.get(ENROL)).status).toBe(401);
    expect((await user.post('/mfa/totp', { code: codeAt(secret, box.clock.now()) })).location).toBe(ENROL);
    expect((await user.get(ENROL)).status).toBe(200);
  });

  it('is led back to a page where what was asked for is none', async () => {
    box.clock.advance(11 * MINUTE);
    for (const path of ['/account/tokens', '/account/saml/any/connect'])
      expect((await thief.post(path)).location, path).toBe('/account/prove?return_to=%2Faccount');
    expect((await thief.get('/auth/oidc/any/connect?token=old')).location).toBe('/account/prove?return_to=%2Faccount');
    expect((await thief.post(factor)).location).toBe(`/account/prove?return_to=${encodeURIComponent(factor)}`);
  });

  it('asks in words, and leads to no other site', async () => {
    const page = await thief.get('/account/prove?return_to=https://evil.example/');
    expect(page.text).toContain('name="returnTo" value="/"');
    expect((await box.browser().get('/account/prove')).location).toMatch(/^\/login/);
  });

  it('is not asked of somebody who must add a first factor', async () => {
    const owner = systemActor('test', 'job');
    await box.app.settings.update(owner, box.app.sections.security, { secondFactor: 'everyone' });
    await box.app.users.create(owner, { ...USER, role: 'unprivileged' });
    const user = box.browser();
    expect((await user.post('/login', USER)).location).toBe('/mfa');
    box.clock.advance(9 * MINUTE);
    expect((await enrol(user)).answer.location).toBe('/account/recovery-codes');
    expect((await user.post('/account/recovery-codes')).status).toBe(201);
  });
});
