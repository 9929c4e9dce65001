import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiOf } from '../../support/api.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { createAppliance, type FakeAppliance } from '../../support/appliance.ts';

const HERE = '/admin/system/time';

describe('name and time of the box', () => {
  let appliance: FakeAppliance;
  let box: TestApp;
  let admin: TestBrowser;
  beforeEach(async () => {
    appliance = createAppliance();
    box = await createTestApp({ env: appliance.env });
    admin = await box.signedIn();
  });
  afterEach(async () => {
    await box[Symbol.asyncDispose]();
    appliance[Symbol.dispose]();
  });

  it('are shown, with the clock and whether it follows a server', async () => {
    Object.assign(appliance.status, { timezone: 'Europe/Zurich', ntp: 'a.test 192.0.2.1' });
    const { text } = await admin.get(HERE);
    for (const shown of ['value="wiregui"', 'value="Europe/Zurich" selected', 'value="a.test, 192.0.2.1"', '2025-11-24T16:00:00.000Z', 'Follows a time server'])
      expect(text).toContain(shown);
    appliance.status['synchronised'] = 'no';
    expect((await admin.get(HERE)).text).toContain('Follows no time server');
  });

  it('are changed, each through a request of its own', async () => {
    expect((await admin.post(`${HERE}/name`, { hostname: ' Office-VPN ' })).status).toBe(303);
    expect((await admin.post(HERE, { timezone: 'Asia/Calcutta', ntpServers: 'ntp.example.com, 2001:db8::1' })).status).toBe(303);
    expect((await admin.post(HERE, { timezone: 'UTC', ntpServers: '' })).status).toBe(303);
    expect(appliance.asked).toEqual(['name office-vpn', 'time Asia/Calcutta\nntp.example.com 2001:db8::1', 'time UTC']);
    const { body } = await (await apiOf(box)).call('GET', '/audit?limit=5');
    expect(body.map(({ action }: { action: string }) => action)).toEqual(expect.arrayContaining(['system.renamed', 'system.time-set']));
  });

  it.each(['', '-x', 'x-', 'a.b', 'a b', 'x\ny', '$(reboot)', '`id`', '../x', '12345', 'localhost', 'x'.repeat(64), 'ü', 'a;b', "a'b"])(
    'take no name such as %j',
    async (hostname) => {
      const answer = await admin.post(`${HERE}/name`, { hostname });
      expect([answer.status, answer.text.includes('field-hostname-error')]).toEqual([422, true]);
      expect(appliance.asked).toEqual([]);
    },
  );

  it('take no zone and no server that could be something else', async () => {
    for (const timezone of ['', 'Mars/Olympus', '../../etc/passwd', 'Europe/Zurich\nx']) {
      expect((await admin.post(HERE, { timezone, ntpServers: '' })).status, timezone).toBe(422);
    }
    for (const ntpServers of ['a;b', '$(id)', 'a,b,c,d,e', '-x', `${'x'.repeat(63)}.${'y'.repeat(63)}.${'z'.repeat(63)},${'w'.repeat(63)}.test`]) {
      expect((await admin.post(HERE, { timezone: 'UTC', ntpServers })).status, ntpServers).toBe(422);
    }
    expect(appliance.asked).toEqual([]);
  });

  it('are set by the API, by administrators alone', async () => {
    const api = await apiOf(box);
    expect((await api.call('PUT', '/system/name', { hostname: 'x y' })).status).toBe(422);
    expect((await api.call('PUT', '/system/name', { hostname: 'office' })).body).toMatchObject({ hostname: 'wiregui' });
    expect((await api.call('PUT', '/system/time', { timezone: 'UTC', ntp_servers: ['a.test'] })).status).toBe(200);
    await api.call('POST', '/users', { email: 'bob@example.com', password: 'a password for bob' });
    const bob = await apiOf(box, { email: 'bob@example.com', password: 'a password for bob' });
    expect((await bob.call('PUT', '/system/name', { hostname: 'office' })).status).toBe(403);
    expect((await bob.call('PUT', '/system/time', { timezone: 'UTC', ntp_servers: [] })).status).toBe(403);
    expect(appliance.asked).toEqual(['name office', 'time UTC\na.test']);
  });
});
