import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiOf } from '../../support/api.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { createAppliance, type FakeAppliance } from '../../support/appliance.ts';

const HERE = '/admin/system/logs';
const LINES = [
  { __REALTIME_TIMESTAMP: '1764000000000000', MESSAGE: 'Started <b>WireGUI</b>', PRIORITY: '6', _SYSTEMD_UNIT: 'init.scope' },
  { __REALTIME_TIMESTAMP: '1764000001000000', MESSAGE: [228, 98], PRIORITY: '3', _SYSTEMD_UNIT: 'wiregui.service' },
  { __REALTIME_TIMESTAMP: '1764000002000000', MESSAGE: null, SYSLOG_IDENTIFIER: 'kernel' },
];

describe('the logs of the box', () => {
  let appliance: FakeAppliance;
  let box: TestApp;
  let admin: TestBrowser;
  beforeEach(async () => {
    appliance = createAppliance();
    appliance.verbs['logs'] = () => ['{"cut off', ...LINES.map((line) => JSON.stringify(line))];
    box = await createTestApp({ env: appliance.env, start: new Date('2026-01-02T00:00:00Z') });
    admin = await box.signedIn();
  });
  afterEach(async () => {
    await box[Symbol.asyncDispose]();
    appliance[Symbol.dispose]();
  });

  it('are shown as text, the newest first', async () => {
    const { status, text } = await admin.get(HERE);
    expect(status).toBe(200);
    expect(text).toContain('Started &lt;b&gt;WireGUI&lt;/b&gt;');
    expect(text).toContain('wiregui (error)');
    expect(text.indexOf('wiregui (error)')).toBeLessThan(text.indexOf('init.scope'));
    expect(text).not.toContain('every 3s');
  });

  it('are asked for by unit, urgency, time and text', async () => {
    await admin.get(`${HERE}?unit=wiregui&priority=3&since=hour&text=%5Cd+%24(id)`);
    const hourAgo = Date.parse('2026-01-01T23:00:00Z') / 1_000;
    expect(appliance.asked).toEqual([`logs wiregui\n3\n${hourAgo}\n\\d $(id)`]);
  });

  it('are followed, without losing the filter', async () => {
    const { text } = await admin.get(`${HERE}?unit=wiregui&follow=on`);
    expect(text).toMatch(/hx-get="\/admin\/system\/logs\?unit=wiregui&amp;follow=on" hx-trigger="every 3s"/);
  });

  it('take no filter that could be something else', async () => {
    for (const query of ['unit=-x', 'unit=a%0Ab', 'unit=..%2Fx', 'unit=%24(id)', 'priority=9', 'since=ever', 'text=a%0Ab', `text=${'x'.repeat(101)}`]) {
      expect((await admin.get(`${HERE}?${query}`)).status, query).toBe(422);
      expect((await admin.get(`${HERE}/file?${query}`)).status, query).toBe(422);
    }
    expect(appliance.asked).toEqual([]);
  });

  it('are downloaded, and given by the API, to administrators alone', async () => {
    const file = await admin.get(`${HERE}/file`);
    expect(file.headers.get('content-disposition')).toContain('wiregui.log');
    expect(file.text.split('\n')).toEqual([
      '2025-11-24T16:00:00.000Z <6> init.scope: Started <b>WireGUI</b>',
      '2025-11-24T16:00:01.000Z <3> wiregui: \ufffdb',
      '2025-11-24T16:00:02.000Z <6> kernel: ',
      '',
    ]);
    const api = await apiOf(box);
    expect((await api.call('GET', '/system/logs?unit=wiregui')).body.lines).toHaveLength(3);
    expect((await api.call('GET', '/system/logs?unit=-x')).status).toBe(422);
    await api.call('POST', '/users', { email: 'bob@example.com', password: 'a password for bob' });
    const who = { email: 'bob@example.com', password: 'a password for bob' };
    const bob = await box.signedIn(who);
    for (const path of [HERE, `${HERE}/file`]) expect((await bob.get(path)).status).toBe(403);
    expect((await (await apiOf(box, who)).call('GET', '/system/logs')).status).toBe(403);
  });
});
