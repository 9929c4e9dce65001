import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProvenIdentity } from '../../../core/accounts/identities.ts';
import { ADMIN, createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { pinPlugin } from '../../support/pin-plugin.ts';

const USER = { email: 'user@example.com', password: 'a secret of theirs' };
const ALICE: ProvenIdentity = { provider: 'pin', issuer: 'https://id.example.com', subject: 'alice', email: 'alice@example.com', isEmailVerified: true };

describe('one’s own sign-in', () => {
  let box: TestApp;
  let admin: TestBrowser;
  beforeEach(async () => {
    box = await createTestApp({ plugins: [pinPlugin().plugin] });
    admin = await box.signedIn();
    await admin.post('/admin/users', { ...USER, role: 'unprivileged' });
  });
  afterEach(() => box[Symbol.asyncDispose]());

  const sql = (text: string, ...values: readonly string[]) =>
    box.app.db.writer
      .prepare(text)
      .pluck()
      .get(...values) as string;
  const idOf = (email: string) => sql('SELECT id FROM users WHERE email = ?', email);
  const isSignedIn = async (browser: TestBrowser) => (await browser.get('/account')).status === 200;
  const withIdentity = async (identity: Partial<ProvenIdentity>, policy: object = { mayCreate: true }) => {
    const browser = box.browser();
    const answer = await browser.post('/pin/identity', { identity: JSON.stringify({ ...ALICE, ...identity }), policy: JSON.stringify(policy) });
    return { browser, answer };
  };

  it('shows its sessions, which browser is this one, and ends the others', async () => {
    const here = await box.signedIn(USER);
    const elsewhere = await box.signedIn(USER);
    const page = (await here.get('/account')).text;
    expect(page.match(/\/account\/sessions\/[0-9a-f-]{36}\/end/g)).toHaveLength(2);
    expect(page.match(/this browser/g)).toHaveLength(1);
    await here.post('/account/sessions/others/end');
    expect([await isSignedIn(here), await isSignedIn(elsewhere), await isSignedIn(admin)]).toEqual([true, false, true]);
  });

  it('ends a single session, of its own only', async () => {
    const here = await box.signedIn(USER);
    const ofAdmin = sql('SELECT id FROM sessions WHERE user_id = ?', idOf(ADMIN.email));
    expect((await here.post(`/account/sessions/${ofAdmin}/end`)).status).toBe(404);
    expect(await isSignedIn(admin)).toBe(true);
    const own = sql('SELECT id FROM sessions WHERE user_id = ?', idOf(USER.email));
    expect((await here.post(`/account/sessions/${own}/end`)).location).toBe('/login');
    expect(await isSignedIn(here)).toBe(false);
  });

  it('ends the live stream of an open page with the session', async () => {
    const theirs = await box.signedIn(USER);
    const cookie = `wiregui=${theirs.cookies.get('wiregui')}`;
    const stream = await fetch(`${box.url}/live`, { headers: { cookie, 'sec-fetch-site': 'same-origin' } });
    const hasEnded = stream.text().then(() => true);
    const id = idOf(USER.email);
    await admin.post(`/admin/users/${id}/sessions/${sql('SELECT id FROM sessions WHERE user_id = ?', id)}/end`);
    expect(await hasEnded).toBe(true);
  });

  it('ends the live stream of an open page when its reader signs out', async () => {
    const theirs = await box.signedIn(USER);
    const cookie = `wiregui=${theirs.cookies.get('wiregui')}`;
    const stream = await fetch(`${box.url}/live`, { headers: { cookie, 'sec-fetch-site': 'same-origin' } });
    const hasEnded = stream.text().then(() => true);
    await theirs.post('/logout');
    expect(await hasEnded).toBe(true);
  });

  it('lets an administrator end somebody’s session', async () => {
    const theirs = await box.signedIn(USER);
    const id = idOf(USER.email);
    const session = sql('SELECT id FROM sessions WHERE user_id = ?', id);
    expect((await admin.get(`/admin/users/${id}`)).text).toContain(`/admin/users/${id}/sessions/${session}/end`);
    expect((await admin.post(`/admin/users/${id}/sessions/${session}/end`)).location).toBe(`/admin/users/${id}`);
    expect(await isSignedIn(theirs)).toBe(false);
  });

  it('is found by issuer and subject, whatever the email says later', async () => {
    await withIdentity({});
    const { browser } = await withIdentity({ email: USER.email });
    expect((await browser.get('/account')).text).toContain('alice@example.com');
    expect(box.app.db.writer.prepare('SELECT count(*) FROM users').pluck().get()).toBe(3);
  });

  it('keeps hostile subjects and issuers apart', async () => {
    const subjects = ['..', '.', '', 'a/b', 'a', 'A', 'alice\u0000', 'x'.repeat(4000), '%2e%2e', "'; --"];
    for (const [index, subject] of subjects.entries()) await withIdentity({ subject, email: `s${index}@example.com` });
    await withIdentity({ subject: 'a', issuer: 'https://other.example.com', email: 'other@example.com' });
    await withIdentity({ subject: 'a', provider: 'pin2', email: 'other2@example.com' });
    expect(box.app.db.writer.prepare('SELECT count(DISTINCT user_id) FROM identities').pluck().get()).toBe(subjects.length + 2);
  });

  it('is never linked by an email that is not verified, and never to an administrator', async () => {
    const unverified = await withIdentity({ email: USER.email, isEmailVerified: false });
    const ofAdmin = await withIdentity({ email: ADMIN.email });
    const none = await withIdentity({ email: null });
    expect([unverified, ofAdmin, none].map(({ answer }) => answer.status)).toEqual([403, 403, 403]);
    for (const { browser } of [unverified, ofAdmin, none]) expect(await isSignedIn(browser)).toBe(false);
    expect(box.app.db.writer.prepare('SELECT count(*) FROM identities').pluck().get()).toBe(0);
  });

  it('is linked by a verified email, and made only where the provider may', async () => {
    expect((await withIdentity({ email: USER.email.toUpperCase() }, { mayCreate: false })).answer.status).toBe(303);
    expect((await withIdentity({ subject: 'bob', email: 'bob@example.com' }, { mayCreate: false })).answer.status).toBe(403);
    expect(box.app.db.writer.prepare('SELECT count(*) FROM users').pluck().get()).toBe(2);
  });

  it('gives somebody new no rights beyond their own devices', async () => {
    const { browser } = await withIdentity({});
    for (const path of ['/admin', '/admin/users', '/admin/settings/security']) expect((await browser.get(path)).status, path).toBe(403);
    expect((await browser.get('/devices')).status).toBe(200);
  });

  it('is disconnected by its owner, but not when it is the only way in', async () => {
    const { browser } = await withIdentity({});
    const only = sql('SELECT id FROM identities');
    expect((await browser.post(`/account/identities/${only}/remove`)).status).toBe(409);
    await withIdentity({ subject: 'user', email: USER.email });
    const theirs = await box.signedIn(USER);
    const id = sql('SELECT id FROM identities WHERE user_id = ?', idOf(USER.email));
    expect((await browser.post(`/account/identities/${id}/remove`)).status).toBe(404);
    expect((await theirs.get(`/account/identities/${id}/remove`)).text).toContain('Disconnect pin from user@example.com?');
    expect((await theirs.post(`/account/identities/${id}/remove`)).location).toBe('/account');
    expect((await admin.post(`/admin/users/${idOf('alice@example.com')}/identities/${only}/remove`)).status).toBe(303);
  });

  describe('with a password', () => {
    const switchOff = () => admin.post('/admin/settings/security', { vpnSessionDuration: '0', secondFactor: 'optional' });

    it('cannot be switched off before an administrator came in another way', async () => {
      await box.browser().post('/pin/prove/all', { user: idOf(USER.email) });
      const refused = await switchOff();
      expect(refused.status).toBe(422);
      expect(refused.text).toContain('once an administrator has signed in another way');
      await admin.post('/pin/prove/all', { user: idOf(ADMIN.email) });
      expect((await switchOff()).status).toBe(303);
    });

    it('is refused when it is switched off, not only hidden', async () => {
      await admin.post('/pin/prove/all', { user: idOf(ADMIN.email) });
      await switchOff();
      expect((await box.browser().get('/login')).text).not.toContain('name="password"');
      expect((await box.browser().post('/login', USER)).status).toBe(403);
      expect((await box.browser().post('/login', { ...USER, password: 'wrong' })).status).toBe(403);
    });

    it('is there again when no administrator has used what is left', async () => {
      await admin.post('/pin/prove/all', { user: idOf(ADMIN.email) });
      await switchOff();
      box.app.db.writer.prepare("UPDATE users SET last_signed_in_method = 'gone'").run();
      box.app.db.writer.prepare("UPDATE sessions SET method = 'gone'").run();
      expect((await box.browser().post('/login', USER)).status).toBe(303);
    });

    it('is there again when nothing else is offered, and when the console resets an administrator', async () => {
      await admin.post('/pin/prove/all', { user: idOf(ADMIN.email) });
      await switchOff();
      await admin.post('/admin/plugins/pin/disable');
      expect((await box.browser().post('/login', USER)).status).toBe(303);
      await admin.post('/admin/plugins/pin/enable');
      expect((await box.browser().post('/login', USER)).status).toBe(403);
      await box.app.setup.createOrResetAdmin(ADMIN.email, ADMIN.password);
      box.app.settings.forget();
      expect((await box.browser().post('/login', ADMIN)).status).toBe(303);
    });
  });
});
