import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN, type Service, startService } from '../support/service.ts';
import { until } from '../support/wait.ts';

describe('the command line, beside a running service', () => {
  let service: Service;
  let folder: string;
  beforeAll(async () => {
    service = await startService();
    folder = mkdtempSync(join(tmpdir(), 'wiregui-cli-'));
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const health = async () => (await fetch(`${service.url}/api/health`)).json() as Promise<{ plugins: Record<string, string> }>;
  const signIn = (email: string, password: string) =>
    fetch(`${service.url}/login`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'sec-fetch-site': 'same-origin' },
      body: new URLSearchParams({ email, password }),
    });

  it('says how the service is', async () => {
    const { exitCode, output } = await service.cli(['status']);
    expect(exitCode).toBe(0);
    expect(output).toMatch(/^WireGUI \d+\.\d+\.\d+: ok\ndatabase {2}ok\nnetwork {3}off \(WG_WG_ENABLED is false\.\)\n/);
    expect(JSON.parse((await service.cli(['status', '--json'])).output)).toMatchObject({ status: 'ok' });
  });

  it('resets an administrator with a password from standard input, or makes one', async () => {
    expect((await service.cli(['admin', 'create-or-reset', 'new@example.com'], 'given on standard input\n')).exitCode).toBe(0);
    expect((await signIn('new@example.com', 'given on standard input')).status).toBe(303);
    const [, made = ''] = /the password is (\S+)/.exec((await service.cli(['admin', 'create-or-reset', 'new@example.com'])).output) ?? [];
    expect((await signIn('new@example.com', made)).status).toBe(303);
    expect((await signIn('new@example.com', 'given on standard input')).status).toBe(401);
  });

  it('refuses a bad email and a short password, naming the field, and changes nothing', async () => {
    const bad = await service.cli(['admin', 'create-or-reset', 'not-an-email'], 'long enough password');
    expect([bad.exitCode, bad.output]).toEqual([1, 'wiregui: email: must be an email address such as name@example.com\n']);
    expect((await service.cli(['admin', 'create-or-reset', ADMIN.email], 'short')).output).toContain('password: must have 12 to 256 characters');
    expect((await signIn(ADMIN.email, ADMIN.password)).status).toBe(303);
  });

  it('switches plugins, and the service follows within a second', async () => {
    expect((await service.cli(['plugin', 'disable', 'api'])).exitCode).toBe(0);
    await until('the plugin is off', async () => (await health()).plugins['api'] === 'off', 1_500);
    await service.cli(['plugin', 'enable', 'api']);
    await until('the plugin runs', async () => (await health()).plugins['api'] === 'running', 1_500);
    expect((await service.cli(['plugin', 'enable', 'nonsense'])).output).toContain('there are: firewall, api, firezone-api');
  });

  it('backs up while the service runs, for its owner alone, and never over another file', async () => {
    const file = join(folder, 'backup.tar.gz');
    expect((await service.cli(['backup', file])).exitCode).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await service.cli(['backup', file])).exitCode).not.toBe(0);
    expect((await service.cli(['restore', file])).output).toContain('the service is running');
  });

  it('restores when the service is stopped, which it does cleanly', async () => {
    const file = join(folder, 'before.tar.gz');
    await service.cli(['backup', file]);
    await service.cli(['admin', 'create-or-reset', 'later@example.com'], 'later than the backup');
    expect(await service.stop()).toBe(0);
    expect((await service.cli(['restore', file])).output).toContain('Restored the backup of');
    await service.start();
    expect((await signIn('later@example.com', 'later than the backup')).status).toBe(401);
    expect((await signIn(ADMIN.email, ADMIN.password)).status).toBe(303);
  });

  /** The change stream, as far as it has come. */
  async function listen(token: string) {
    const response = await fetch(`${service.url}/api/v0/events`, { headers: { authorization: `Bearer ${token}` } });
    const heard = { text: '' };
    void (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) heard.text += decoder.decode(chunk, { stream: true });
    })().catch(() => undefined);
    return heard;
  }

  it('does with operations what the API does, and the service knows at once', async () => {
    const cli = async (...args: readonly string[]) => {
      const { exitCode, output } = await service.cli([...args, '--json']);
      return { exitCode, answer: exitCode === 0 ? JSON.parse(output) : output };
    };
    const user = (await cli('user', 'create', 'email=alice@example.com', 'role=unprivileged')).answer;
    expect(user).toMatchObject({ email: 'alice@example.com', hasPassword: false });
    const device = (await cli('device', 'create', `userId=${user.id}`, 'name=Alice’s phone')).answer;
    expect(device.configuration).toMatch(/^\[Interface\]\nPrivateKey = \S{44}\n/);
    expect((await cli('device', 'pause', 'Alice’s phone')).answer.status).toBe('disabled');
    expect((await service.cli(['device', 'config', 'Alice’s phone'])).output).toMatch(/^\[Interface\]\nPrivateKey = \{\{private-key\}\}\n/);
    expect((await service.cli(['user', 'reset-factors', 'alice@example.com'])).output).toBe('Done.\n');
    const token = (await service.cli(['token', 'create', ADMIN.email, 'name=script', 'days=7'])).output.trim();
    expect(token).toMatch(/^wg_\S{43}$/);
    const asked = async (path: string) => (await fetch(`${service.url}/api/v0${path}`, { headers: { authorization: `Bearer ${token}` } })).json();
    expect(await asked(`/devices/${device.id}`)).toMatchObject({ status: 'disabled', name: 'Alice’s phone' });
    const heard = await listen(token);
    await cli('device', 'resume', 'Alice’s phone');
    await cli('rule', 'create', 'action=drop', 'destination=10.0.0.0/8', 'protocol=tcp', 'portRange=80-90');
    expect(await asked('/rules')).toMatchObject([{ action: 'drop', port_range: '80-90' }]);
    expect((await service.cli(['can', 'alice@example.com', '10.0.0.1', 'tcp/81'])).exitCode).toBe(2);
    expect((await cli('settings', 'client', 'mtu=1300', 'dns=9.9.9.9, 1.1.1.1')).answer).toMatchObject({ mtu: 1300, dns: ['9.9.9.9', '1.1.1.1'] });
    expect(await asked('/configuration/client')).toMatchObject({ mtu: 1300 });
    expect((await service.cli(['user', 'list'])).output).toContain('alice@example.com');
    expect((await cli('user', 'delete', 'alice@example.com')).exitCode).toBe(0);
    expect(await asked('/devices')).toEqual([]);
    await until('listeners are told of all that', async () => heard.text.includes('event: user.deleted'), 1_500);
    expect(heard.text).toContain(`event: device.changed\ndata: {"device_id":"${device.id}","user_id":"${user.id}"}`);
    expect(heard.text).toContain('event: rules.changed');
    expect(await asked('/audit?limit=1')).toMatchObject([{ via: 'cli', actor: 'console', action: 'user.deleted' }]);
  }, 60_000);

  it('names what is wrong with an operation, and does nothing', async () => {
    for (const [args, message] of [
      [['user', 'create', 'email=nonsense'], 'email: must be an email address'],
      [['user', 'create', 'colour=red'], 'colour: is not known; there are: email, role, password'],
      [['user', 'explode'], 'there is no "explode"; there are: list, create'],
      [['device', 'show', 'nothing'], 'there is no "nothing"'],
      [['settings', 'client', 'mtu=5'], 'mtu: must be a whole number from 576 to 1500'],
      [['rule', 'create', 'action'], 'must be name=value'],
    ] as const) {
      const { exitCode, output } = await service.cli(args);
      expect([exitCode, output]).toEqual([1, expect.stringContaining(message)]);
    }
  });

  it('says what is missing on a machine', async () => {
    const { output } = await service.cli(['doctor']);
    expect(output).toContain('ok       wg\n');
    expect(output).toContain(`ok       data folder ${service.dataDirectory}\n`);
  });
});

it('without the right to change the network the pages work and say that the data plane is off', async () => {
  await using service = await startService({ env: { WG_WG_ENABLED: 'auto' }, prefix: ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin'] });
  expect(service.output()).toContain('The data plane is off: it needs the capability CAP_NET_ADMIN');
  expect(await (await fetch(`${service.url}/api/health`)).json()).toMatchObject({ status: 'ok', network: { state: 'off' } });
});
