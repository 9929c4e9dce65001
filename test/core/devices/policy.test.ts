import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemActor } from '../../../core/accounts/permissions.ts';
import { userByEmail } from '../../../core/accounts/store.ts';
import { apiOf, type TestApi } from '../../support/api.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';

const USER = { email: 'user@example.com', password: 'the password of a user' };

describe('the policy for devices', () => {
  let box: TestApp;
  let admin: TestBrowser;
  let user: TestBrowser;
  let api: TestApi;
  let userId: string;

  beforeEach(async () => {
    box = await createTestApp();
    admin = await box.signedIn();
    await admin.post('/admin/users', { ...USER, role: 'unprivileged' });
    user = await box.signedIn(USER);
    api = await apiOf(box, USER);
    userId = String((await userByEmail(box.app.db, USER.email))?.id);
  });
  afterEach(() => box[Symbol.asyncDispose]());

  const set = (patch: object) => box.app.settings.update(systemActor('test', 'job'), box.app.sections.security, patch);
  const create = (by: TestBrowser, form: Record<string, string>) => by.post('/devices', form);

  it('limits the devices of a user, by page and API, and says how many', async () => {
    await set({ maxDevicesPerUser: 2 });
    expect((await create(user, { name: 'one' })).status).toBe(201);
    expect((await api.call('POST', '/devices', { name: 'two' })).status).toBe(201);
    const third = await create(user, { name: 'three' });
    expect([third.status, third.text.includes('There are 2 devices already')]).toEqual([422, true]);
    const fourth = await api.call('POST', '/devices', { name: 'four' });
    expect([fourth.status, JSON.stringify(fourth.body)]).toEqual([422, expect.stringContaining('2 devices')]);
    const page = (await user.get('/devices')).text;
    expect(page).toContain('2 of at most 2');
    expect(page).not.toContain('href="/devices/new"');
  });

  it('lets an administrator give somebody more, but not themselves', async () => {
    await set({ maxDevicesPerUser: 1 });
    for (const name of ['one', 'two']) expect((await create(admin, { name, userId })).status).toBe(201);
    expect((await create(admin, { name: 'own' })).status).toBe(201);
    expect((await create(admin, { name: 'own too' })).status).toBe(422);
    const { devices } = box.app;
    await devices.create(systemActor('wiregui', 'cli'), { name: 'three', userId });
  });

  it('holds when many are asked for at the same moment', async () => {
    await set({ maxDevicesPerUser: 3 });
    const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => create(user, { name: `device ${index}` })));
    expect(answers.filter(({ status }) => status === 201).length).toBe(3);
  });

  it('lets users change what is allowed to be changed, field by field', async () => {
    await set({ allowDns: false, allowMtu: false });
    const form = (await user.get('/devices/new')).text;
    expect(form).toContain('field-endpoint');
    expect(form).not.toMatch(/field-dns|field-mtu/);
    const refused = await api.call('POST', '/devices', { name: 'x', use_default_dns: false, dns: ['9.9.9.9'] });
    expect([refused.status, Object.keys(refused.body.errors)]).toEqual([422, ['use_default_dns', 'dns']]);
    expect((await api.call('POST', '/devices', { name: 'y', use_default_endpoint: false, endpoint: 'vpn.example.com' })).status).toBe(201);
    const sneaked = await user.post('/devices', { name: 'z', overrides: 'mtu', mtu: '1400' });
    expect(sneaked.status).toBe(422);
    await set({ allowOverrides: false });
    expect((await user.get('/devices/new')).text).not.toContain('field-endpoint');
    expect((await create(admin, { name: 'w', overrides: 'dns', dns: '9.9.9.9' })).status).toBe(201);
  });

  it('gives new devices their usual time, unless an administrator says another', async () => {
    await set({ deviceExpiryDays: 30 });
    expect((await api.call('POST', '/devices', { name: 'one' })).body.expires_at).toBe('2026-07-01T12:00:00.000Z');
    expect((await admin.get(`/devices/new?user=${userId}`)).text).toContain('value="2026-07-01T12:00"');
    expect((await (await apiOf(box)).call('POST', '/devices', { name: 'two', user_id: userId, expires_at: null })).body.expires_at).toBeNull();
    expect((await api.call('POST', '/devices', { name: 'three', expires_at: '2030-01-01T00:00:00Z' })).status).toBe(422);
  });

  it('says plainly when only administrators manage devices', async () => {
    await set({ allowSelfService: false });
    const page = (await user.get('/devices')).text;
    expect(page).toContain('Devices are managed by your administrator.');
    expect(page).not.toContain('href="/devices/new"');
    expect((await create(user, { name: 'mine' })).status).toBe(403);
  });
});
