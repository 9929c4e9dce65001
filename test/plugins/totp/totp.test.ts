import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN, createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { codeAt } from '../../support/codes.ts';

const USER = { email: 'user@example.com', password: 'the password of a user' };
const ENROL = '/account/totp/new';
const CHALLENGE = '/mfa/totp';
const STEP_MS = 30_000;

/** The key in the page that adds an app. */
function secretIn(html: string): string {
  return /otpauth:[^"]*[?&;]secret=([A-Z2-7]+)/.exec(html)?.[1] ?? '';
}

/** What the list of devices says of the only one in it. */
const statusIn = (html: string) => /class="status-dot"><\/span>([^<]*)/.exec(html)?.[1];

describe('authenticator apps', () => {
  let box: TestApp;
  let admin: TestBrowser;
  beforeEach(async () => {
    box = await createTestApp();
    admin = await box.signedIn();
    await admin.post('/admin/users', { ...USER, role: 'unprivileged' });
  });
  afterEach(() => box[Symbol.asyncDispose]());

  const now = (afterMs = 0) => new Date(box.clock.now().getTime() + afterMs);
  /** Adds an app in this browser; its secret, with a step that is not used yet. */
  async function enrol(browser: TestBrowser, name = 'Phone'): Promise<string> {
    const secret = secretIn((await browser.get(ENROL)).text);
    const answer = await browser.post(ENROL, { name, code: codeAt(secret, now()) });
    if (answer.status !== 303) throw new Error(`could not add an app: ${answer.status}`);
    box.clock.advance(STEP_MS);
    return secret;
  }
  /** A browser whose sign-in waits for the second factor. */
  async function waiting(who = USER): Promise<TestBrowser> {
    const browser = box.browser();
    expect((await browser.post('/login', who)).location).toBe('/mfa');
    return browser;
  }
  const confirm = async (browser: TestBrowser, code: string) => browser.post(CHALLENGE, { code });
  const stored = (sql: string) => box.app.db.writer.prepare(sql).pluck().get();
  const lastSignIn = () => stored(`SELECT last_signed_in_at FROM users WHERE email = '${USER.email}'`);
  const methodCount = () => stored('SELECT count(*) FROM totp_methods');
  async function disableUser(): Promise<void> {
    const [, id] = /href="\/admin\/users\/([0-9a-f-]{36})"/.exec((await admin.get(`/admin/users?q=${USER.email}`)).text) ?? [];
    await admin.post(`/admin/users/${id}/disable`);
  }
  const saveSecurity = (values: Record<string, string>) =>
    admin.post('/admin/settings/security', { vpnSessionDuration: '0', allowSelfService: 'on', localSignIn: 'on', secondFactor: 'optional', ...values });
  async function enrolledUser(): Promise<string> {
    return enrol(await box.signedIn(USER));
  }

  it('are added with the code that they show, and named', async () => {
    const browser = await box.signedIn(USER);
    const page = await browser.get(ENROL);
    expect(page.text).toContain('<svg');
    expect(page.text).toMatch(/otpauth:\/\/totp\/WireGUI:user%40example\.com\?secret=[A-Z2-7]{32}&amp;issuer=WireGUI"/);
    const answer = await browser.post(ENROL, { name: 'Blue phone', code: ` ${codeAt(secretIn(page.text), now()).replace(/(...)/, '$1 ')}` });
    expect(answer.location).toBe('/account/recovery-codes');
    const account = (await browser.get('/account')).text;
    expect(account).toContain('Blue phone');
    expect(account).toContain('Authenticator app');
    expect((await admin.get('/admin/audit')).text).toContain('totp.added');
  });

  it('complete a sign-in, and only they do', async () => {
    const secret = await enrolledUser();
    const before = lastSignIn();
    const browser = await waiting();
    expect((await browser.get('/devices')).location).toMatch(/^\/login/);
    expect(lastSignIn()).toBe(before);
    const cookie = browser.cookies.get('wiregui');
    expect((await confirm(browser, codeAt(secret, now()))).location).toBe('/');
    expect(browser.cookies.get('wiregui')).not.toBe(cookie);
    expect((await browser.get('/devices')).status).toBe(200);
    expect(lastSignIn()).toBe(now().getTime());
    expect((await browser.get('/account')).text).toContain('with second factor');
  });

  it('open the tunnels again whose VPN session is over, and the password alone does not', async () => {
    const owner = await box.signedIn(USER);
    await owner.post('/devices', { name: 'Laptop' });
    const secret = await enrol(owner);
    await saveSecurity({ vpnSessionDuration: '3600' });
    box.clock.advance(3_600_001);
    const devices = async () => statusIn((await admin.get('/admin/devices')).text);
    const browser = await waiting();
    expect(await devices()).toBe('VPN session is over');
    await confirm(browser, codeAt(secret, now()));
    expect(await devices()).toBe('Active');
  });

  it('lead to the page that was asked for', async () => {
    const secret = await enrolledUser();
    const browser = box.browser();
    await browser.post('/login', { ...USER, returnTo: '/devices/new' });
    expect((await confirm(browser, codeAt(secret, now()))).location).toBe('/devices/new');
  });

  it('say when they were last used', async () => {
    const secret = await enrolledUser();
    const browser = await waiting();
    await confirm(browser, codeAt(secret, now()));
    expect((await browser.get('/account')).text).toMatch(new RegExp(`data-label="Last used"><time datetime="${now().toISOString()}"`));
  });

  it.each([-1, 0, 1])('take the code of a clock that is %i steps off, when they are added and at sign-in', async (steps) => {
    const browser = await box.signedIn(USER);
    const secret = secretIn((await browser.get(ENROL)).text);
    expect((await browser.post(ENROL, { name: 'Phone', code: codeAt(secret, now(steps * STEP_MS)) })).status).toBe(303);
    box.clock.advance(10 * STEP_MS);
    expect((await confirm(await waiting(), codeAt(secret, now(steps * STEP_MS)))).status).toBe(303);
  });

  it.each([-2, 2])('refuse the code of a clock that is %i steps off, when they are added and at sign-in', async (steps) => {
    const browser = await box.signedIn(USER);
    const secret = secretIn((await browser.get(ENROL)).text);
    expect((await browser.post(ENROL, { name: 'Phone', code: codeAt(secret, now(steps * STEP_MS)) })).status).toBe(422);
    expect((await browser.post(ENROL, { name: 'Phone', code: codeAt(secret, now()) })).status).toBe(303);
    box.clock.advance(10 * STEP_MS);
    expect((await confirm(await waiting(), codeAt(secret, now(steps * STEP_MS)))).status).toBe(401);
  });

  it('refuse a replayed code', async () => {
    const secret = await enrolledUser();
    const code = codeAt(secret, now());
    expect((await confirm(await waiting(), code)).status).toBe(303);
    expect((await confirm(await waiting(), code)).status).toBe(401);
    box.clock.advance(STEP_MS);
    expect((await confirm(await waiting(), code)).status).toBe(401);
    expect((await confirm(await waiting(), codeAt(secret, now()))).status).toBe(303);
  });

  it('refuse the codes of steps before one that was used', async () => {
    const secret = await enrolledUser();
    expect((await confirm(await waiting(), codeAt(secret, now(STEP_MS)))).status).toBe(303);
    expect((await confirm(await waiting(), codeAt(secret, now()))).status).toBe(401);
  });

  it('let one of several at once sign in with the same code', async () => {
    const secret = await enrolledUser();
    const browsers = await Promise.all([1, 2, 3, 4].map(() => waiting()));
    const answers = await Promise.all(browsers.map((browser) => confirm(browser, codeAt(secret, now()))));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 401, 401, 401]);
  });

  it('refuse at sign-in the code that they were added with', async () => {
    const browser = await box.signedIn(USER);
    const secret = secretIn((await browser.get(ENROL)).text);
    const code = codeAt(secret, now());
    await browser.post(ENROL, { name: 'Phone', code });
    expect((await confirm(await waiting(), code)).status).toBe(401);
  });

  it('of one user open nothing for another', async () => {
    const adminsSecret = await enrol(admin);
    await enrolledUser();
    expect((await confirm(await waiting(), codeAt(adminsSecret, now()))).status).toBe(401);
    expect((await confirm(await waiting(ADMIN), codeAt(adminsSecret, now()))).status).toBe(303);
  });

  it('are several for one user, and each of them opens', async () => {
    const browser = await box.signedIn(USER);
    const phone = await enrol(browser, 'Phone');
    const tablet = await enrol(browser, 'Tablet');
    expect((await confirm(await waiting(), codeAt(tablet, now()))).status).toBe(303);
    expect((await confirm(await waiting(), codeAt(phone, now()))).status).toBe(303);
  });

  it('are ten at most', async () => {
    const browser = await box.signedIn(USER);
    for (let index = 0; index < 10; index += 1) await enrol(browser, `Phone ${index}`);
    const secret = secretIn((await browser.get(ENROL)).text);
    expect((await browser.post(ENROL, { name: 'One more', code: codeAt(secret, now()) })).status).toBe(409);
  });

  it('refuse anything that is no code', async () => {
    const secret = await enrolledUser();
    const right = codeAt(secret, now());
    for (const code of ['', '12345', '1234567', right.slice(1), `${right}0`, `-${right.slice(1)}`, '१२३४५६', `${right}\u0000`, "' OR 1=1"])
      expect((await confirm(await waiting(), code)).status, code).toBe(401);
  });

  it('stop guesses that come in parallel, and say so on the page', async () => {
    const secret = await enrolledUser();
    const browser = await waiting();
    const wrong = ['000000', '000001', '000002', '000003'].find((code) => ![-1, 0, 1].some((step) => codeAt(secret, now(step * STEP_MS)) === code)) ?? '';
    const answers = await Promise.all(Array.from({ length: 25 }, () => confirm(browser, wrong)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(15);
    const right = await confirm(browser, codeAt(secret, now()));
    expect(right.status).toBe(429);
    expect(right.text).toContain('Too many attempts');
    // A new sign-in counts on.
    expect((await confirm(await waiting(), codeAt(secret, now()))).status).toBe(429);
    box.clock.advance(15 * 60_000);
    expect((await confirm(await waiting(), codeAt(secret, now()))).status).toBe(303);
  });

  it('confirm nothing after ten minutes', async () => {
    const secret = await enrolledUser();
    const browser = await waiting();
    box.clock.advance(10 * 60_000 + 1);
    expect((await confirm(browser, codeAt(secret, now()))).status).toBe(401);
    expect((await browser.get('/devices')).location).toMatch(/^\/login/);
  });

  it('confirm nothing without a sign-in that waits', async () => {
    const secret = await enrolledUser();
    expect((await confirm(box.browser(), codeAt(secret, now()))).status).toBe(401);
    expect((await box.browser().get(CHALLENGE)).location).toBe('/');
  });

  it('confirm nothing for somebody who was disabled meanwhile', async () => {
    const secret = await enrolledUser();
    const browser = await waiting();
    await disableUser();
    expect((await confirm(browser, codeAt(secret, now()))).status).toBe(401);
    expect((await browser.get('/devices')).location).toMatch(/^\/login/);
  });

  it('are never added with a secret that the browser chooses', async () => {
    const browser = await box.signedIn(USER);
    const chosen = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
    await browser.get(ENROL);
    const form = { name: 'Planted', code: codeAt(chosen, now()), secret: chosen };
    expect((await browser.post(`${ENROL}?secret=${chosen}`, form)).status).toBe(422);
    expect((await browser.get('/account')).text).not.toContain('Planted');
  });

  it("are never added with another browser's secret", async () => {
    const secret = secretIn((await admin.get(ENROL)).text);
    const browser = await box.signedIn(USER);
    await browser.get(ENROL);
    expect((await browser.post(ENROL, { name: 'Planted', code: codeAt(secret, now()) })).status).toBe(422);
  });

  it('forget the secret of whoever was signed in here before', async () => {
    const browser = await box.signedIn(ADMIN);
    const secret = secretIn((await browser.get(ENROL)).text);
    await browser.post('/login', USER);
    expect((await browser.post(ENROL, { name: 'Planted', code: codeAt(secret, now()) })).text).toContain('new code to scan');
    expect((await browser.get('/account')).text).not.toContain('Planted');
  });

  it('show the same code again after a reload and after a slip, and another one when it took too long', async () => {
    const browser = await box.signedIn(USER);
    const secret = secretIn((await browser.get(ENROL)).text);
    expect(secretIn((await browser.get(ENROL)).text)).toBe(secret);
    const slip = await browser.post(ENROL, { name: 'My phone', code: '12' });
    expect([slip.status, secretIn(slip.text)]).toEqual([422, secret]);
    expect(slip.text).toContain('value="My phone"');
    expect(slip.text).toContain('id="field-code-error"');
    expect((await browser.post(ENROL, { name: '', code: codeAt(secret, now()) })).text).toContain('id="field-name-error"');
    box.clock.advance(15 * 60_000);
    await browser.post('/login', USER);
    const late = await browser.post(ENROL, { name: 'Phone', code: codeAt(secret, now()) });
    expect(late.text).toContain('That took too long');
    expect(secretIn(late.text)).not.toBe(secret);
    expect((await browser.get('/account')).text).not.toContain('<td data-label="Name">Phone');
  });

  it('are kept sealed, also while they wait', async () => {
    const browser = await box.signedIn(USER);
    const secret = secretIn((await browser.get(ENROL)).text);
    const dump = () =>
      JSON.stringify(['sign_in_flows', 'sessions', 'totp_methods', 'audit_log'].map((table) => box.app.db.writer.prepare(`SELECT * FROM ${table}`).all()));
    expect(dump()).not.toContain(secret);
    await browser.post(ENROL, { name: 'Phone', code: codeAt(secret, now()) });
    expect(dump()).toContain('Phone');
    expect(dump()).not.toContain(secret);
  });

  it('are removed by their owner alone', async () => {
    await enrolledUser();
    const path = `/account/factors/totp/${stored('SELECT id FROM totp_methods')}/remove`;
    expect([(await admin.get(path)).status, (await admin.post(path)).status, methodCount()]).toEqual([404, 404, 1]);
  });

  it('ask no more once they are removed', async () => {
    const browser = await box.signedIn(USER);
    await enrol(browser);
    const [path = ''] = /\/account\/factors\/totp\/[0-9a-f-]{36}\/remove/.exec((await browser.get('/account')).text) ?? [];
    expect((await browser.get(path)).text).toContain('Phone');
    expect((await browser.post(path)).location).toBe('/account');
    expect((await box.browser().post('/login', USER)).location).toBe('/');
    expect((await admin.get('/admin/audit')).text).toContain('totp.removed');
  });

  describe('where a second factor is required', () => {
    beforeEach(async () => {
      expect((await saveSecurity({ secondFactor: 'everyone' })).status).toBe(303);
    });

    it('are added before the sign-in is complete, and complete it', async () => {
      const browser = await waiting();
      expect((await browser.get('/mfa')).text).toContain(ENROL);
      const page = await browser.get(ENROL);
      expect(page.text).toContain('class="gate"');
      const before = lastSignIn();
      const answer = await browser.post(ENROL, { name: 'Phone', code: codeAt(secretIn(page.text), now()) });
      expect(answer.location).toBe('/account/recovery-codes');
      expect(lastSignIn()).not.toBe(before);
      expect((await browser.get('/devices')).status).toBe(200);
      expect((await admin.get('/admin/audit')).text).toContain('totp.added');
    });

    it('are not added by somebody who only knows the password, once the owner has added one', async () => {
      const thief = await waiting();
      await thief.get(ENROL);
      const owner = await waiting();
      await owner.post(ENROL, { name: 'Phone', code: codeAt(secretIn((await owner.get(ENROL)).text), now()) });
      expect((await thief.get(ENROL)).status).toBe(401);
      expect((await thief.post(ENROL, { name: 'Planted', code: '000000' })).status).toBe(401);
    });

    it('are not added by nobody, nor by somebody who was disabled meanwhile', async () => {
      expect((await box.browser().get(ENROL)).status).toBe(401);
      const browser = await waiting();
      const secret = secretIn((await browser.get(ENROL)).text);
      await disableUser();
      expect((await browser.post(ENROL, { name: 'Phone', code: codeAt(secret, now()) })).status).toBe(401);
      expect(methodCount()).toBe(0);
    });
  });
});
