import { afterEach, describe, expect, it } from 'vitest';
import { apiOf } from '../../support/api.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';
import { until } from '../../support/wait.ts';

const NETWORK = { listenPort: '51820', mtu: '1420', ipv4Network: '10.3.2.0/24', ipv6Network: 'fd00::3:2:0/120', masqueradeIpv4: 'on', masqueradeIpv6: 'on' };

describe('a change of the networks at a page', () => {
  const boxes: TestApp[] = [];
  const boot = async (options: Parameters<typeof createTestApp>[0] = {}) => {
    const box = await createTestApp(options);
    boxes.push(box);
    return box;
  };
  afterEach(async () => {
    for (const box of boxes.splice(0)) await box[Symbol.asyncDispose]();
  });
  const port = async ({ app }: TestApp) => (await app.settings.read(app.sections.network)).listenPort;
  const isAsked = async (box: TestApp) => (await (await box.signedIn()).get('/account')).text.includes('Keep the change');

  it('is in force at once, and taken back after a minute when nobody confirms it', async () => {
    const box = await boot();
    const admin = await box.signedIn();
    expect((await admin.post('/admin/settings/network', { ...NETWORK, listenPort: '51999' })).status).toBe(303);
    expect(await port(box)).toBe(51_999);
    await until('it asks', () => isAsked(box));
    expect((await admin.post('/admin/settings/network', { ...NETWORK, mtu: '1400' })).status).toBe(409);
    box.clock.advance(59_000);
    expect(await port(box)).toBe(51_999);
    // By the clock of the box: that of the browser may be wrong.
    expect((await admin.get('/account')).text).toContain('data-seconds="1"');
    box.clock.advance(1_001);
    await until('it is taken back', async () => (await port(box)) === 51_820);
    expect(await isAsked(box)).toBe(false);
  });

  it('stays when it is confirmed, which takes an administrator', async () => {
    const box = await boot();
    const admin = await box.signedIn();
    await admin.post('/admin/users', { email: 'user@example.com', password: 'the password of a user', role: 'unprivileged' });
    await admin.post('/admin/settings/network', { ...NETWORK, listenPort: '51999' });
    await until('it asks', () => isAsked(box));
    const path = /\/admin\/changes\/[0-9a-f-]{36}\/confirm/.exec((await admin.get('/account')).text)?.[0] ?? '';
    const user = await box.signedIn({ email: 'user@example.com', password: 'the password of a user' });
    expect((await user.get('/account')).text).not.toContain('Keep the change');
    expect((await user.post(path)).status).toBe(403);
    expect((await admin.post(path, { returnTo: '//elsewhere.example' })).location).toBe('/');
    box.clock.advance(120_000);
    await until('it asks no more', async () => !(await isAsked(box)));
    expect(await port(box)).toBe(51_999);
    expect((await admin.post(path)).status).toBe(404);
  });

  it('is taken back also when the service was started anew in between', async () => {
    const first = await boot();
    await (await first.signedIn()).post('/admin/settings/network', { ...NETWORK, listenPort: '51999' });
    await until('it asks', () => isAsked(first));
    // As after a kill: another service on the same files, the minute not yet over there.
    const second = await boot({ dataDirectory: first.dataDirectory, env: { WG_ADMIN_EMAIL: '' } });
    expect([await port(second), await isAsked(second)]).toEqual([51_999, true]);
    second.clock.advance(60_001);
    await until('it is taken back', async () => (await port(second)) === 51_820);
  });

  it('is final when it comes by the API, or moves nothing', async () => {
    const box = await boot();
    const api = await apiOf(box);
    expect((await api.call('PATCH', '/configuration/network', { listen_port: 51_999 })).status).toBe(200);
    await (await box.signedIn()).post('/admin/settings/network', { ...NETWORK, listenPort: '51999', mtu: '1400' });
    expect(await isAsked(box)).toBe(false);
  });
});
