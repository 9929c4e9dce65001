import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN, createTestApp, type TestApp } from '../../support/app.ts';

describe('signing in with a password', () => {
  let box: TestApp;
  beforeEach(async () => {
    box = await createTestApp();
  });
  afterEach(() => box[Symbol.asyncDispose]());

  it('leads to the page that was asked for', async () => {
    const browser = box.browser();
    const asked = await browser.get('/admin/users?q=a');
    expect([asked.status, asked.location]).toEqual([303, '/login?return_to=%2Fadmin%2Fusers%3Fq%3Da']);
    const [, returnTo = ''] = /name="returnTo" value="([^"]*)"/.exec((await browser.get(asked.location ?? '')).text) ?? [];
    expect((await browser.post('/login', { ...ADMIN, returnTo })).location).toBe('/admin/users?q=a');
    expect((await browser.get('/admin/users')).text).toContain(ADMIN.email);
  });

  it('gives the browser a session id of ours, so that one planted before is worthless', async () => {
    const browser = box.browser();
    browser.cookies.set('wiregui', 'planted');
    await browser.post('/login', ADMIN);
    expect(browser.cookies.get('wiregui')).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const attacker = box.browser();
    attacker.cookies.set('wiregui', 'planted');
    expect((await attacker.get('/devices')).location).toMatch(/^\/login/);
  });

  it('gives a new session id at each sign-in, and the one before is worthless', async () => {
    const browser = await box.signedIn();
    const before = browser.cookies.get('wiregui') ?? '';
    await browser.post('/login', ADMIN);
    expect(browser.cookies.get('wiregui')).not.toBe(before);
    const attacker = box.browser();
    attacker.cookies.set('wiregui', before);
    expect((await attacker.get('/devices')).location).toMatch(/^\/login/);
  });

  it('keeps no row for visitors who do not sign in', async () => {
    for (const path of ['/', '/devices', '/login', '/no-such-page']) await box.browser().get(path);
    await box.browser().post('/login', { email: ADMIN.email, password: 'wrong' });
    expect(box.app.db.writer.prepare('SELECT count(*) FROM sessions').pluck().get()).toBe(0);
  });

  it('marks its cookie as what it is, and for https only where the box is on https', async () => {
    const cookieOf = async (url: string) => {
      await using other = await createTestApp({ env: { WG_EXTERNAL_URL: url } });
      const answer = await other.browser().post('/login', ADMIN);
      return answer.headers.get('set-cookie');
    };
    expect(await cookieOf('http://box.lan')).toMatch(/^wiregui=[^;]+; path=\/; expires=[^;]+; samesite=lax; httponly$/i);
    expect(await cookieOf('https://vpn.example.com')).toMatch(/^__Host-wiregui=[^;]+; path=\/; expires=[^;]+; samesite=lax; secure; httponly$/i);
  });

  it('refuses an old cookie after signing out', async () => {
    const browser = await box.signedIn();
    const stolen = browser.cookies.get('wiregui') ?? '';
    await browser.post('/logout');
    const thief = box.browser();
    thief.cookies.set('wiregui', stolen);
    expect((await thief.get('/devices')).location).toMatch(/^\/login/);
  });

  it('says the same of an unknown account and a wrong password', async () => {
    const known = await box.browser().post('/login', { email: ADMIN.email, password: 'wrong' });
    const unknown = await box.browser().post('/login', { email: 'nobody@example.com', password: 'wrong' });
    expect(known.status).toBe(401);
    expect(unknown.text.replaceAll('nobody@example.com', ADMIN.email)).toBe(known.text);
  });

  it('stops guesses that come in parallel, over any number of connections, whatever headers claim', async () => {
    const guesses = Array.from({ length: 30 }, (_, index) =>
      box.browser().post('/login', { email: ADMIN.email, password: `guess ${index}` }, { 'x-forwarded-for': `203.0.113.${index}` }),
    );
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(20);
    expect((await box.browser().post('/login', ADMIN)).status).toBe(429);
    box.clock.advance(15 * 60_000 + 1);
    expect((await box.browser().post('/login', ADMIN)).status).toBe(303);
  });

  it('does not lock the owner out when strangers guess from many addresses', async () => {
    await using behindProxy = await createTestApp({ env: { WG_TRUSTED_PROXIES: '127.0.0.1' } });
    await behindProxy.browser().post('/login', ADMIN, { 'x-forwarded-for': '198.51.100.7' });
    for (let index = 0; index < 110; index += 1)
      await behindProxy.browser().post('/login', { email: ADMIN.email, password: 'guess' }, { 'x-forwarded-for': `203.0.113.${index}` });
    const stranger = await behindProxy.browser().post('/login', ADMIN, { 'x-forwarded-for': '203.0.113.200' });
    const owner = await behindProxy.browser().post('/login', ADMIN, { 'x-forwarded-for': '198.51.100.7' });
    expect([stranger.status, owner.status]).toEqual([429, 303]);
  }, 40_000);

  it('never leads to another site afterwards', async () => {
    for (const path of ['//evil.example', '/\\evil.example', 'https://evil.example', '\t//evil.example', '/\t/evil.example', 'javascript:alert(1)']) {
      const { location } = await box.browser().post('/login', { ...ADMIN, returnTo: path });
      expect(new URL(location ?? '', box.url).origin, path).toBe(box.url);
    }
  });

  it('ends the other sessions when the password changes, and keeps this one', async () => {
    const here = await box.signedIn();
    const elsewhere = await box.signedIn();
    const answer = await here.post('/account/password', { currentPassword: ADMIN.password, newPassword: 'a completely new one' });
    expect(answer.location).toBe('/account');
    expect((await here.get('/account')).status).toBe(200);
    expect((await elsewhere.get('/account')).location).toMatch(/^\/login/);
  });

  it('shows the pages as the person likes them, from then on', async () => {
    const browser = await box.signedIn();
    expect((await browser.get('/account')).text).toContain('data-theme="auto"');
    await browser.post('/account/theme', { theme: 'dark' });
    const page = (await browser.get('/account')).text;
    expect(page).toContain('data-theme="dark"');
    expect(page).toContain('Saved.');
    expect((await browser.get('/account')).text).not.toContain('Saved.');
    expect((await browser.post('/account/theme', { theme: 'pink' })).status).toBe(422);
  });

  it('refuses requests that another site makes the browser send', async () => {
    const browser = await box.signedIn();
    const { host } = new URL(box.url);
    const sent = async (headers: Record<string, string>) => (await browser.post('/account/theme', { theme: 'dark' }, headers)).status;
    expect(await sent({ 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await sent({ 'sec-fetch-site': 'same-site' })).toBe(403);
    expect(await sent({ 'sec-fetch-site': '', origin: 'http://evil.example' })).toBe(403);
    expect(await sent({ 'sec-fetch-site': '', origin: 'null' })).toBe(403);
    expect(await sent({ 'sec-fetch-site': '' })).toBe(403);
    expect(await sent({ 'sec-fetch-site': '', origin: `http://${host}` })).toBe(303);
  });
});
