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
    const asked = await browser.get('/admin/users');
    expect([asked.status, asked.location]).toEqual([303, '/login']);
    expect((await browser.post('/login', ADMIN)).location).toBe('/admin/users');
    expect((await browser.get('/admin/users')).text).toContain(ADMIN.email);
  });

  it('gives the browser a new session id, so that one planted before is worthless', async () => {
    const browser = box.browser();
    await browser.get('/devices');
    const planted = browser.cookies.get('wiregui');
    await browser.post('/login', ADMIN);
    expect(planted).toBeDefined();
    expect(browser.cookies.get('wiregui')).not.toBe(planted);
    const attacker = box.browser();
    attacker.cookies.set('wiregui', planted ?? '');
    expect((await attacker.get('/devices')).location).toBe('/login');
  });

  it('refuses an old cookie after signing out', async () => {
    const browser = await box.signedIn();
    const stolen = browser.cookies.get('wiregui') ?? '';
    await browser.post('/logout');
    const thief = box.browser();
    thief.cookies.set('wiregui', stolen);
    expect((await thief.get('/devices')).location).toBe('/login');
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
    for (const path of ['//evil.example', '/\\evil.example', '/%5cevil.example/..']) {
      const browser = box.browser();
      await browser.get(path);
      const { location } = await browser.post('/login', ADMIN);
      expect(new URL(location ?? '', box.url).origin).toBe(box.url);
    }
  });

  it('ends the other sessions when the password changes, and keeps this one', async () => {
    const here = await box.signedIn();
    const elsewhere = await box.signedIn();
    const answer = await here.post('/account/password', { currentPassword: ADMIN.password, newPassword: 'a completely new one' });
    expect(answer.location).toBe('/account');
    expect((await here.get('/account')).status).toBe(200);
    expect((await elsewhere.get('/account')).location).toBe('/login');
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
