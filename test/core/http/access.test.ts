import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemActor } from '../../../core/accounts/permissions.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';

const USER = { email: 'user@example.com', password: 'the password of a user' };
const OTHER = { email: 'other@example.com', password: 'the password of another' };
const PAYLOAD = `"'><img src=x onerror=alert(1)><script>alert(1)</script>`;

/** Everything a page can be asked for; `:device` is another user's. */
const ADMIN_PAGES = [
  '/admin',
  '/admin/users',
  '/admin/users/new',
  '/admin/devices',
  '/admin/settings',
  '/admin/settings/network',
  '/admin/diagnostics',
  '/admin/notifications',
  '/admin/notifications/badge',
  '/admin/users.csv',
  '/admin/devices.csv',
  '/admin/audit',
  '/admin/audit.csv',
  '/admin/plugins',
  '/admin/plugins/firewall/disable',
];
const ADMIN_ACTS = [
  '/admin/users',
  '/admin/settings/network',
  '/admin/plugins/firewall/disable',
  '/admin/plugins/api/enable',
  '/admin/plugins/safe-mode/leave',
  '/admin/notifications/clear',
  '/admin/notifications/read',
  '/admin/users/selection',
  '/admin/devices/selection',
];
const DEVICE_ACTS = ['edit', 'key', 'pause', 'resume', 'delete'];

describe('who may do what', () => {
  let box: TestApp;
  let admin: TestBrowser;
  let user: TestBrowser;
  let adminsDevice: string;

  beforeAll(async () => {
    box = await createTestApp();
    admin = await box.signedIn();
    await box.app.settings.update(systemActor('test', 'job'), box.app.sections.security, { maxDevicesPerUser: 1_000 });
    for (const { email, password } of [USER, OTHER]) await admin.post('/admin/users', { email, password, role: 'unprivileged' });
    user = await box.signedIn(USER);
    adminsDevice = idIn(await admin.post('/devices', { name: 'Laptop' }));
  });
  afterAll(() => box[Symbol.asyncDispose]());

  it('shows nobody anything but the sign-in page', async () => {
    for (const path of [...ADMIN_PAGES, '/', '/devices', '/devices/new', '/account', `/devices/${adminsDevice}`])
      expect((await box.browser().get(path)).location, path).toMatch(/^\/login/);
    for (const path of [...ADMIN_ACTS, '/devices', '/account/password']) expect((await box.browser().post(path)).location, path).toMatch(/^\/login/);
    expect((await box.browser().get('/live', { accept: 'text/event-stream' })).status).toBe(401);
  });

  it('refuses administration to others, also by paths that are spelled oddly', async () => {
    for (const path of [...ADMIN_PAGES, '/devices/..%2fadmin%2fusers', '/admin//users', '/admin/./users', '/%61dmin/users'])
      expect((await user.get(path)).status, path).toBeOneOf([403, 404]);
    for (const path of ADMIN_ACTS) expect((await user.post(path)).status, path).toBe(403);
  });

  it("does not even tell others that somebody's device exists", async () => {
    expect((await user.get(`/devices/${adminsDevice}`)).status).toBe(404);
    for (const act of DEVICE_ACTS) expect((await user.post(`/devices/${adminsDevice}/${act}`, { name: 'Mine' })).status, act).toBe(404);
    expect((await admin.get(`/devices/${adminsDevice}`)).text).toContain('Laptop');
  });

  it("refuses a device in somebody else's name, and fields that only administrators set", async () => {
    const { userId } = (await box.app.networkStore.load(new Map())).devices[0] ?? { userId: '' };
    expect((await user.post('/devices', { name: 'Planted', userId })).status).toBe(403);
    const device = idIn(await user.post('/devices', { name: 'Phone' }));
    await user.post(`/devices/${device}/edit`, { name: 'Phone', description: '', allowedSubnets: '192.168.0.0/16', expiresAt: '' });
    expect((await box.app.networkStore.load(new Map())).devices.flatMap(({ allowedSubnets }) => allowedSubnets)).toEqual([]);
  });

  it('lets nobody resume what an administrator has paused', async () => {
    const device = idIn(await user.post('/devices', { name: 'Tablet' }));
    await admin.post(`/devices/${device}/pause`);
    expect((await user.post(`/devices/${device}/resume`)).status).toBe(403);
    expect((await admin.post(`/devices/${device}/resume`)).status).toBe(303);
  });

  it('ends the sessions of who is disabled, at once', async () => {
    const theirs = await box.signedIn(OTHER);
    const id = /href="\/admin\/users\/([0-9a-f-]{36})"/.exec((await admin.get(`/admin/users?q=${OTHER.email}`)).text)?.[1];
    await admin.post(`/admin/users/${id}/disable`);
    expect((await theirs.get('/devices')).location).toMatch(/^\/login/);
    expect((await box.browser().post('/login', OTHER)).status).toBe(401);
  });

  it('keeps the last administrator', async () => {
    const id = /href="\/admin\/users\/([0-9a-f-]{36})"/.exec((await admin.get('/admin/users?q=admin@')).text)?.[1];
    for (const act of ['disable', 'delete']) expect((await admin.post(`/admin/users/${id}/${act}`)).status, act).toBe(409);
    expect((await admin.post(`/admin/users/${id}`, { email: 'admin@example.com', role: 'unprivileged' })).status).toBe(422);
    expect((await admin.get('/admin')).status).toBe(200);
  });

  it('shows what people type as text, on every page', async () => {
    const device = idIn(await admin.post('/devices', { name: PAYLOAD, description: PAYLOAD }));
    await admin.get('/admin/users', { 'user-agent': PAYLOAD });
    for (const path of [
      `/devices/${device}`,
      `/devices/${device}/edit`,
      `/devices/${device}/delete`,
      '/devices',
      '/admin/devices',
      '/admin',
      '/admin/audit',
      `/devices?q=${encodeURIComponent(PAYLOAD)}`,
      `/admin/users?q=${encodeURIComponent(PAYLOAD)}`,
    ]) {
      const { text, status } = await admin.get(path);
      expect(status, path).toBe(200);
      expect(text, path).not.toMatch(/<img src=x|<script>alert/);
    }
  });

  it.each(['$(reboot)', '`id`', 'a;b', 'a|b', 'a && b', '"quoted"', "it's", '../../etc/passwd', '-rf', '%s%n'])(
    'treats %s as a name like any other, and names the file harmlessly',
    async (name) => {
      const issued = await admin.post('/devices', { name });
      expect(issued.status).toBe(201);
      expect(/data-file-name="([^"]*)"/.exec(issued.text)?.[1]).toMatch(/^[A-Za-z0-9_=+][A-Za-z0-9_=+.-]*\.conf$/);
    },
  );

  it.each(['a\nb', 'a\rb', 'a\u0000b', 'a\u001bb', 'a\u202eb', 'a\u0085b'])('refuses control characters in a name: %j', async (name) => {
    const answer = await admin.post('/devices', { name });
    expect(answer.status).toBe(422);
    expect(answer.text).toContain('must not contain control characters');
  });

  it.each([
    ['dns', '1.1.1.1; rm -rf /'],
    ['dns', '1.1.1.1\nPostUp = id'],
    ['endpoint', 'host:1 PostUp=id'],
    ['endpoint', 'host:99999'],
    ['allowedIps', '10.0.0.0/33'],
    ['mtu', '575'],
    ['persistentKeepalive', '65536'],
  ])('refuses %s = %j beside its field, and keeps what was filled in', async (field, value) => {
    const answer = await admin.post('/devices', { name: 'Odd', overrides: field, [field]: value });
    expect(answer.status).toBe(422);
    expect(answer.text).toContain(`id="field-${field}-error"`);
    expect(answer.text).toContain('value="Odd"');
  });
});

function idIn({ text }: { readonly text: string }): string {
  return /href="\/devices\/([0-9a-f-]{36})"/.exec(text)?.[1] ?? '';
}
