import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';

const USER = { email: 'user@example.com', password: 'the password of a user' };
const PAYLOAD = '<img src=x onerror=alert(1)>';

describe('the search for everything', () => {
  let box: TestApp;
  let admin: TestBrowser;
  let user: TestBrowser;

  beforeAll(async () => {
    box = await createTestApp();
    admin = await box.signedIn();
    await admin.post('/admin/users', { ...USER, role: 'unprivileged' });
    user = await box.signedIn(USER);
    await admin.post('/devices', { name: 'Secret laptop' });
    await user.post('/devices', { name: 'My laptop' });
    await admin.post('/admin/rules', { user: '', action: 'drop', destination: '10.9.9.9', protocol: 'any', priority: '1', enabled: 'on', comment: PAYLOAD });
  });
  afterAll(() => box[Symbol.asyncDispose]());

  const find = async (by: TestBrowser, q: string) => {
    const groups = JSON.parse((await by.get(`/search.json?q=${encodeURIComponent(q)}`)).text) as { title: string; hits: { label: string; path: string }[] }[];
    return groups.flatMap(({ title, hits }) => hits.map(({ label }) => `${title}: ${label}`));
  };

  it('finds users, devices, rules and pages for an administrator', async () => {
    expect(await find(admin, 'laptop')).toEqual(['Devices: My laptop', 'Devices: Secret laptop']);
    expect(await find(admin, 'user@')).toEqual(['Users: user@example.com', 'Devices: My laptop']);
    expect(await find(admin, '10.9.9')).toEqual([`All rules: ${PAYLOAD}`]);
    expect(await find(admin, 'audit')).toEqual(['Pages: Audit log']);
    expect(await find(admin, 'client def')).toEqual(['Pages: Client defaults']);
  });

  it('shows others their own devices and pages, and nothing else', async () => {
    expect(await find(user, 'laptop')).toEqual(['Devices: My laptop']);
    for (const q of ['secret', 'admin@', '10.9.9', 'audit', '%', '_']) expect((await find(user, q)).join(), q).not.toMatch(/Secret|admin|Users|rules|Audit/);
    expect(await find(user, '')).toEqual(['Pages: My devices', 'Pages: Account']);
  });

  it('answers nobody', async () => {
    expect((await box.browser().get('/search.json?q=a', { accept: 'application/json' })).status).toBe(401);
    expect((await box.browser().get('/search?q=a')).location).toMatch(/^\/login/);
  });

  it('is a page too, for browsers without scripts, and shows what it finds as text', async () => {
    const page = (await admin.get(`/search?q=${encodeURIComponent(PAYLOAD)}`)).text;
    expect(page).toContain('/admin/rules/');
    expect(page).not.toContain(PAYLOAD);
    expect((await admin.get('/search?q=nothing-like-it')).text).toContain('Nothing found');
    expect((await admin.get('/devices')).text).toContain('href="/search"');
  });
});
