import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemActor } from '../../../core/accounts/permissions.ts';
import { createEventBus } from '../../../core/events/bus.ts';
import { createLogStreams } from '../../../plugins/appliance/log-stream.ts';
import { apiOf } from '../../support/api.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { createAppliance, type FakeAppliance } from '../../support/appliance.ts';
import { createTestClock } from '../../support/clock.ts';
import { until } from '../../support/wait.ts';

const HERE = '/admin/system/logs';
const LINES = [
  { __REALTIME_TIMESTAMP: '1764000000000000', MESSAGE: 'Started <b>WireGUI</b>', PRIORITY: '6', _SYSTEMD_UNIT: 'init.scope', __CURSOR: 's=1;i=1' },
  { __REALTIME_TIMESTAMP: '1764000001000000', MESSAGE: [228, 98], PRIORITY: '3', _SYSTEMD_UNIT: 'wiregui.service', __CURSOR: 's=1;i=2' },
  { __REALTIME_TIMESTAMP: '1764000002000000', MESSAGE: null, SYSLOG_IDENTIFIER: 'kernel', __CURSOR: 's=1;i=3' },
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
    for (const absent of ['data-stream', 'logs.js', 'role="log"']) expect(text).not.toContain(absent);
  });

  it('are asked for by unit, urgency, time and text', async () => {
    await admin.get(`${HERE}?unit=wiregui&priority=3&since=hour&text=%5Cd+%24(id)`);
    const hourAgo = Date.parse('2026-01-01T23:00:00Z') / 1_000;
    expect(appliance.asked).toEqual([`logs wiregui\n3\n${hourAgo}\n\\d $(id)`]);
  });

  it('are followed from the newest line on, without losing the filter, and by a link where there are no scripts', async () => {
    const { text } = await admin.get(`${HERE}?unit=wiregui&follow=on`);
    expect(text).toContain('data-stream="/admin/system/logs/stream?unit=wiregui&amp;follow=" data-after="s=1;i=3"');
    expect(text).toContain('<noscript><p><a href="/admin/system/logs?unit=wiregui&amp;follow=on">');
    expect(text).toMatch(/<script src="[^"]*logs[^"]*\.js" defer>/);
    expect((await admin.get(`${HERE}?unit=-x&follow=on`)).text).not.toContain('data-stream');
  });

  it('take no filter that could be something else', async () => {
    for (const query of [
      'unit=-x',
      'unit=a%0Ab',
      'unit=..%2Fx',
      'unit=%24(id)',
      'priority=9',
      'since=ever',
      'text=a%0Ab',
      'after=x%0Ay',
      'after=..',
      `after=${'s'.repeat(251)}`,
      `text=${'x'.repeat(101)}`,
    ]) {
      expect((await admin.get(`${HERE}?${query}`)).status, query).toBe(422);
      expect((await admin.get(`${HERE}/file?${query}`)).status, query).toBe(422);
      expect((await admin.get(`${HERE}/stream?${query}`)).status, query).toBe(422);
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
    await api.call('GET', '/system/logs?after=s%3D1%3Bi%3D2');
    expect(appliance.asked.at(-1)).toBe('logs \n\n\n\ns=1;i=2');
    expect((await api.call('GET', '/system/logs?unit=-x')).status).toBe(422);
    await api.call('POST', '/users', { email: 'bob@example.com', password: 'a password for bob' });
    const who = { email: 'bob@example.com', password: 'a password for bob' };
    const bob = await box.signedIn(who);
    for (const path of [HERE, `${HERE}/file`, `${HERE}/stream`]) expect((await bob.get(path)).status).toBe(403);
    expect((await (await apiOf(box, who)).call('GET', '/system/logs')).status).toBe(403);
  });
});

describe('following the logs of the box', () => {
  let appliance: FakeAppliance;
  let box: TestApp;
  let admin: TestBrowser;
  let written: string[];
  beforeEach(async () => {
    appliance = createAppliance();
    written = ['first'];
    // As journalctl does with --after-cursor.
    appliance.verbs['logs'] = (content) => {
      const after = Number(/i=(\d+)\n$/.exec(content)?.[1] ?? 0);
      return written
        .map((MESSAGE, index) => JSON.stringify({ __REALTIME_TIMESTAMP: '1764000000000000', MESSAGE, __CURSOR: `s=1;i=${index + 1}` }))
        .slice(after);
    };
    box = await createTestApp({ env: appliance.env });
    admin = await box.signedIn();
  });
  afterEach(async () => {
    await box[Symbol.asyncDispose]();
    appliance[Symbol.dispose]();
  });

  interface Following {
    readonly status: number;
    /** Resolves when this has come; what came is kept. */
    shows(text: string): Promise<unknown>;
    text(): string;
    ended(): Promise<unknown>;
    close(): void;
  }

  async function follow(browser: TestBrowser, query = '', headers: Record<string, string> = {}): Promise<Following> {
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const closing = new AbortController();
    const response = await fetch(`${box.url}${HERE}/stream?${query}`, { headers: { ...headers, cookie }, signal: closing.signal });
    let text = '';
    let isOver = false;
    void (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) text += decoder.decode(chunk);
    })()
      .catch(() => {})
      .finally(() => (isOver = true));
    return {
      status: response.status,
      text: () => text,
      shows: (wanted) => until(`the stream says ${wanted}`, () => text.includes(wanted)),
      ended: () => until('the stream ends', () => isOver),
      close: () => closing.abort(),
    };
  }
  const looks = () => appliance.asked.filter((each) => each.startsWith('logs')).length;
  const nextLook = async () => {
    const before = looks();
    box.clock.advance(2_000);
    await until('it has looked again', () => looks() > before);
  };

  it('tells each new line once, as it is, with the filter of the page', async () => {
    const following = await follow(admin, 'unit=wiregui&priority=3&text=x&after=s%3D1%3Bi%3D1');
    expect(following.status).toBe(200);
    written.push('second <b>line</b>\nevent: evil\n\ndata: x');
    await nextLook();
    await following.shows('id: s=1;i=2\nevent: line\ndata: {"at":"2025-11-24T16:00:00.000Z","unit":"","message":"second <b>line</b>\\nevent: evil');
    await nextLook();
    written.push('third');
    await nextLook();
    await following.shows('third');
    expect(following.text().split('event: line')).toHaveLength(3);
    expect(following.text()).not.toContain('first');
    expect(new Set(appliance.asked.map((each) => each.split('\n').slice(0, 4).join(' ')))).toEqual(new Set(['logs wiregui 3  x']));
    expect(appliance.asked.at(-1)).toMatch(/s=1;i=2$/);
  });

  it('tells nothing of a line that is none of journald’s', async () => {
    appliance.verbs['logs'] = () => [JSON.stringify({ __REALTIME_TIMESTAMP: '1', MESSAGE: 'forged', __CURSOR: 's=1\nevent: evil' }), '{"MESSAGE":"no time"}'];
    const following = await follow(admin);
    await nextLook();
    await nextLook();
    expect(following.text()).not.toMatch(/forged|evil/);
  });

  it('goes on where the browser had got to, and takes nothing else for that', async () => {
    written.push('second', 'third');
    const following = await follow(admin, 'after=s%3D1%3Bi%3D1', { 'last-event-id': 's=1;i=2' });
    await following.shows('third');
    expect(following.text()).not.toContain('second');
    for (const id of ['../x', '$(id)', 'A', 'x'.repeat(300)]) expect((await follow(admin, '', { 'last-event-id': id })).status, id).toBe(422);
  });

  it('ends when its reader signs out, is changed, or has followed for five minutes', async () => {
    const other = await box.signedIn();
    const first = await follow(admin);
    await other.post('/logout');
    await first.ended();
    const second = await follow(admin);
    const api = await apiOf(box);
    const [{ id }] = (await api.call('GET', '/users')).body;
    box.app.events.emit('user.changed', { userId: id });
    await second.ended();
    const third = await follow(admin);
    box.clock.advance(5 * 60_000);
    await third.ended();
  });

  it('ends when the box does not answer, and looks no more when nobody reads', async () => {
    const first = await follow(admin);
    await first.shows('first');
    appliance.verbs['logs'] = () => {
      throw new Error('no journal');
    };
    await nextLook();
    await first.ended();
    expect((await follow(admin)).status).toBe(409);
    appliance.verbs['logs'] = () => [];
    const second = await follow(admin);
    second.close();
    await until('nobody follows', async () => {
      const before = looks();
      box.clock.advance(2_000);
      await (await box.signedIn()).get('/admin/system/time');
      return looks() === before;
    });
  });

  it('is for four pages at a time', async () => {
    const four = [await follow(admin), await follow(admin), await follow(admin), await follow(admin)];
    expect((await follow(admin)).status).toBe(429);
    four[0]?.close();
    await until('there is room for one', async () => (await follow(admin)).status === 200);
  });
});

it('following the logs holds no more than one answer for a reader who does not read', async () => {
  const clock = createTestClock();
  let looks = 0;
  const line = { at: new Date(0), unit: 'u', priority: 6, message: 'x'.repeat(50_000), cursor: 's=1' };
  const streams = createLogStreams({ events: createEventBus(pino({ level: 'silent' })), clock } as never, {
    read: async () => {
      looks += 1;
      return [line];
    },
  });
  const stream = await streams.open(systemActor('test', 'job'), {});
  for (let round = 0; round < 20; round += 1) {
    clock.advance(2_000);
    await Promise.resolve().then(() => {});
  }
  expect(looks).toBeLessThan(4);
  stream.destroy();
});
