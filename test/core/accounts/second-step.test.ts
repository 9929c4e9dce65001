import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN, createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { pinPlugin } from '../../support/pin-plugin.ts';

const MINUTE_MS = 60_000;

describe('the second step of signing in', () => {
  let box: TestApp;
  let pins: ReturnType<typeof pinPlugin>['pins'];
  let adminId: string;
  beforeEach(async () => {
    const pin = pinPlugin();
    pins = pin.pins;
    box = await createTestApp({ plugins: [pin.plugin] });
    adminId = box.app.db.writer.prepare('SELECT id FROM users').pluck().get() as string;
  });
  afterEach(() => box[Symbol.asyncDispose]());

  const enrol = () => pins.set(adminId, [{ id: 'pin-0', name: 'My PIN', createdAt: box.clock.now(), lastUsedAt: null }]);
  const lastSignIn = () => box.app.db.writer.prepare('SELECT last_signed_in_at FROM users WHERE id = ?').pluck().get(adminId);
  const isSignedIn = async (browser: TestBrowser) => (await browser.get('/account')).status === 200;
  const setPolicy = async (secondFactor: string) => {
    const { sections, settings } = box.app;
    await settings.update({ userId: null, name: 'test', role: 'system', via: 'job', ip: null }, sections.security, { secondFactor });
  };
  const firstStep = async () => {
    const browser = box.browser();
    const answer = await browser.post('/login', { ...ADMIN, returnTo: '/admin/users' });
    return { browser, answer };
  };
  const recoveryCodes = async (browser: TestBrowser) =>
    (/<pre[^>]*>([^<]*)<\/pre>/.exec((await browser.post('/account/recovery-codes')).text)?.[1] ?? '').split('\n');

  it('is asked of whoever has a second factor, and until then nothing is begun', async () => {
    enrol();
    const { browser, answer } = await firstStep();
    expect(answer.location).toBe('/mfa');
    expect((await browser.get('/mfa')).text).toContain('href="/pin/challenge"');
    expect(await isSignedIn(browser)).toBe(false);
    expect(lastSignIn()).toBeNull();
    expect((await browser.post('/pin/challenge', { pin: '1234' })).location).toBe('/admin/users');
    expect(await isSignedIn(browser)).toBe(true);
    expect(lastSignIn()).not.toBeNull();
  });

  it('changes the session id, and the one before is worthless', async () => {
    enrol();
    const { browser } = await firstStep();
    const before = browser.cookies.get('wiregui') ?? '';
    await browser.post('/pin/challenge', { pin: '1234' });
    const attacker = box.browser();
    attacker.cookies.set('wiregui', before);
    expect(await isSignedIn(attacker)).toBe(false);
    expect((await attacker.post('/pin/challenge', { pin: '1234' })).status).toBe(401);
  });

  it('holds for methods of plugins too, unless they prove all factors', async () => {
    enrol();
    const browser = box.browser();
    expect((await browser.post('/pin/prove/first', { user: adminId })).location).toBe('/mfa');
    expect((await browser.post('/pin/prove/all', { user: adminId })).location).toBe('/devices/new');
    expect(await isSignedIn(browser)).toBe(true);
  });

  it('takes ten minutes at most', async () => {
    enrol();
    const { browser } = await firstStep();
    box.clock.advance(10 * MINUTE_MS + 1);
    expect((await browser.post('/pin/challenge', { pin: '1234' })).status).toBe(401);
    expect((await browser.get('/mfa')).text).toContain('took too long');
    expect(await isSignedIn(browser)).toBe(false);
  });

  it('ends when the user is disabled in the middle of it', async () => {
    enrol();
    const { browser } = await firstStep();
    box.app.db.writer.prepare('UPDATE users SET disabled_at = 1').run();
    expect((await browser.post('/pin/challenge', { pin: '1234' })).status).toBe(401);
    expect(await isSignedIn(browser)).toBe(false);
  });

  it('stops guesses, also of recovery codes and in parallel', async () => {
    enrol();
    const { browser } = await firstStep();
    const guesses = Array.from({ length: 30 }, (_, index) =>
      browser.post(index % 2 ? '/pin/challenge' : '/mfa/recovery', { pin: '0', code: `guess-${index}` }),
    );
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect((await browser.post('/pin/challenge', { pin: '1234' })).status).toBe(429);
  });

  it('is not needed for a stranger: nobody reaches it without the first', async () => {
    const browser = box.browser();
    expect((await browser.get('/mfa')).location).toBe('/');
    expect((await browser.get('/mfa/recovery')).status).toBe(401);
    expect((await browser.post('/mfa/recovery', { code: 'x' })).status).toBe(401);
    expect((await browser.post('/pin/enrol')).status).toBe(401);
    expect((await browser.post('/account/recovery-codes')).location).toMatch(/^\/login/);
  });

  it('begins with adding a second factor where one is required, and ends signed in', async () => {
    await setPolicy('admins');
    const { browser, answer } = await firstStep();
    expect(answer.location).toBe('/mfa');
    expect((await browser.get('/mfa')).text).toContain('href="/pin/enrol"');
    expect(await isSignedIn(browser)).toBe(false);
    expect((await browser.post('/pin/enrol')).location).toBe('/account/recovery-codes');
    expect(await isSignedIn(browser)).toBe(true);
    expect((await firstStep()).answer.location).toBe('/mfa');
  });

  it('lets nobody add a second factor to an account that has one, with the password alone', async () => {
    enrol();
    const { browser } = await firstStep();
    expect((await browser.post('/pin/enrol')).status).toBe(401);
    expect(pins.get(adminId)).toHaveLength(1);
  });

  it('is required of those whom the policy names', async () => {
    const admin = await box.signedIn();
    const user = { email: 'user@example.com', password: 'a secret of theirs' };
    await admin.post('/admin/users', { ...user, role: 'unprivileged' });
    await setPolicy('admins');
    expect((await box.browser().post('/login', user)).location).toBe('/');
    await setPolicy('everyone');
    expect((await box.browser().post('/login', user)).location).toBe('/mfa');
  });

  it('is passed by a recovery code, once, however it is typed', async () => {
    enrol();
    const { browser: first } = await firstStep();
    await first.post('/pin/challenge', { pin: '1234' });
    const codes = await recoveryCodes(first);
    expect(codes).toHaveLength(10);
    expect(new Set(codes).size).toBe(10);
    const [code = ''] = codes;
    const typed = ` ${code.toUpperCase().replaceAll('-', ' ').replaceAll('0', 'O').replaceAll('1', 'I')}`;
    const { browser } = await firstStep();
    expect((await browser.get('/mfa')).text).toContain('/mfa/recovery');
    expect((await browser.post('/mfa/recovery', { code: typed })).location).toBe('/admin/users');
    expect((await browser.get('/account')).text).toContain('9 are left');
    expect((await (await firstStep()).browser.post('/mfa/recovery', { code })).status).toBe(401);
  });

  it('takes no recovery code of somebody else, and none that was replaced', async () => {
    const admin = await box.signedIn();
    const user = { email: 'user@example.com', password: 'a secret of theirs' };
    await admin.post('/admin/users', { ...user, role: 'unprivileged' });
    const [ofUser = ''] = await recoveryCodes(await box.signedIn(user));
    const [old = ''] = await recoveryCodes(admin);
    await recoveryCodes(admin);
    enrol();
    for (const code of [ofUser, old]) expect((await (await firstStep()).browser.post('/mfa/recovery', { code })).status).toBe(401);
  });

  it('keeps no recovery code in the database', async () => {
    const codes = await recoveryCodes(await box.signedIn());
    const stored = JSON.stringify(box.app.db.writer.prepare('SELECT * FROM recovery_codes').raw().all());
    for (const code of codes) expect(stored).not.toContain(code.replaceAll('-', ''));
  });

  it('lets an administrator reset the second factors of somebody who lost them, and ends their sessions', async () => {
    const user = { email: 'user@example.com', password: 'a secret of theirs' };
    const admin = await box.signedIn();
    await admin.post('/admin/users', { ...user, role: 'unprivileged' });
    const theirs = await box.signedIn(user);
    const id = box.app.db.writer.prepare('SELECT id FROM users WHERE email = ?').pluck().get(user.email) as string;
    pins.set(id, [{ id: 'pin-0', name: 'Lost phone', createdAt: box.clock.now(), lastUsedAt: null }]);
    expect((await admin.get(`/admin/users/${id}/factors-reset`)).text).toContain('Lost phone');
    expect((await theirs.post(`/admin/users/${adminId}/factors-reset`)).status).toBe(403);
    await admin.post(`/admin/users/${id}/factors-reset`);
    expect(pins.get(id)).toEqual([]);
    expect(await isSignedIn(theirs)).toBe(false);
    expect((await box.browser().post('/login', user)).location).toBe('/');
    expect((await admin.get('/admin/audit')).text).toContain('user.factors-reset');
  });

  describe('when its plugin is broken', () => {
    const broken = { ...pinPlugin().plugin, setup: () => Promise.reject(new Error('no such luck')) };
    let other: TestApp;
    let codes: string[];
    beforeEach(async () => {
      const admin = await box.signedIn();
      await admin.post('/pin/enrol');
      codes = await recoveryCodes(admin);
      other = await createTestApp({ plugins: [broken], dataDirectory: box.dataDirectory });
    });
    const begin = async () => {
      const browser = other.browser();
      return { browser, answer: await browser.post('/login', { ...ADMIN, returnTo: '/admin' }) };
    };

    it('lets the password alone not in, and a recovery code instead of it', async () => {
      const { browser, answer } = await begin();
      expect(answer.location).toBe('/mfa');
      expect((await browser.get('/mfa')).text).toContain('cannot be checked just now');
      expect((await browser.get('/account')).location).toMatch(/^\/login/);
      expect((await browser.post('/mfa/recovery', { code: codes[0] ?? '' })).location).toBe('/admin');
      await other[Symbol.asyncDispose]();
    });

    it('is not asked for once an administrator has switched the plugin off, or reset it', async () => {
      const { browser } = await begin();
      await browser.post('/mfa/recovery', { code: codes[0] ?? '' });
      await browser.post('/admin/plugins/pin/disable');
      expect((await begin()).answer.location).toBe('/admin');
      await browser.post('/admin/plugins/pin/enable');
      expect((await begin()).answer.location).toBe('/mfa');
      await browser.post(`/admin/users/${adminId}/factors-reset`);
      expect((await begin()).answer.location).toBe('/admin');
      await other[Symbol.asyncDispose]();
    });
  });

  it('can be removed by its owner alone', async () => {
    const admin = await box.signedIn();
    const user = { email: 'user@example.com', password: 'a secret of theirs' };
    await admin.post('/admin/users', { ...user, role: 'unprivileged' });
    const theirs = await box.signedIn(user);
    enrol();
    expect((await theirs.post('/account/factors/pin/pin-0/remove')).status).toBe(404);
    expect((await admin.get('/account')).text).toContain('/account/factors/pin/pin-0/remove');
    expect((await admin.get('/account/factors/pin/pin-0/remove')).text).toContain('Remove My PIN?');
    expect((await admin.post('/account/factors/pin/pin-0/remove')).location).toBe('/account');
    expect(pins.get(adminId)).toEqual([]);
  });
});
