import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../core/system/run.ts';
import { VERSION } from '../../core/version.ts';
import { type FileServer, startSftpServer, startWebdavServer } from '../support/sftp-server.ts';
import { until } from '../support/wait.ts';
import { beginsAnew, OWNER, setUp, setupCode, update } from './box.ts';
import { BUILD, buildBundles, buildImage, IMAGE, NEXT } from './build.ts';
import { BOOT_MS, type Machine, startMachine } from './machine.ts';

/** Where QEMU's own network has this machine's loopback. */
const OUTSIDE = '10.0.2.2';
const PASSPHRASE = 'twelve or more characters';
const PASSWORD = 'a password of the server';

interface Device {
  readonly id: string;
}
interface BackupRun {
  readonly trigger: string;
  readonly state: string;
  readonly problem: string | null;
}

/** By SSH, the REST API and to servers elsewhere; each step begins where the one before ended. */
describe('a box that is kept from afar', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wiregui-remote-'));
  const at = (name: string) => join(folder, name);
  let machine: Machine;
  let token = '';

  beforeAll(async () => {
    await buildImage();
    machine = await startMachine({ disk: IMAGE, second: await buildBundles(), log: join(BUILD, 'remote.log') });
    for (const name of ['own', 'other']) await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', at(name)]);
    machine.switchOn();
    await machine.healthy(VERSION);
    expect(await setUp(machine, await setupCode(machine))).toBe(303);
    token = (await machine.shell(`wiregui token create ${OWNER.email} name=script`, 120_000)).split('\n').at(-1) ?? '';
  });
  afterAll(async () => {
    await machine?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  async function curl(path: string, args: readonly string[]): Promise<string> {
    const always = ['-sSk', '--fail-with-body', '-m', '110'];
    return (await run(['curl', ...always, ...args, `https://127.0.0.1:${machine.httpsPort}${path}`], { deadlineMs: 120_000 })).stdout;
  }
  async function api<T>(method: string, path: string, body?: object, args: readonly string[] = []): Promise<T> {
    const given = body === undefined ? [] : ['-H', 'Content-Type: application/json', '-d', JSON.stringify(body)];
    const answer = await curl(`/api/v0${path}`, ['-X', method, '-H', `Authorization: Bearer ${token}`, ...given, ...args]);
    return (answer === '' ? null : JSON.parse(answer)) as T;
  }
  /** As whoever has the key: what came of a line, or why not. The host key that was seen first must be the box's for good. */
  async function ssh(line: string, key = 'own'): Promise<string> {
    const options = ['BatchMode=yes', 'IdentitiesOnly=yes', 'StrictHostKeyChecking=accept-new', `UserKnownHostsFile=${at('known')}`, 'ConnectTimeout=30'];
    const words = options.flatMap((option) => ['-o', option]);
    return run(['ssh', '-F', 'none', '-n', ...words, '-i', at(key), '-p', String(machine.sshPort), 'root@127.0.0.1', line], { deadlineMs: 120_000 }).then(
      ({ stdout }) => stdout.trim(),
      (error: Error) => error.message,
    );
  }
  const devices = async () => (await api<readonly Device[]>('GET', '/devices')).map(({ id }) => id);

  it('lets in by SSH who has a key, from when it is switched on', async () => {
    expect(await ssh('id -un')).toMatch(/closed|reset|refused|timed out/i);
    await api('POST', '/system/ssh/keys', { key: readFileSync(at('own.pub'), 'utf8') });
    const { host_fingerprint } = await api<{ host_fingerprint: string }>('PUT', '/system/ssh', { enabled: true });
    expect(await ssh('id -un')).toBe('root');
    expect((await run(['ssh-keygen', '-l', '-f', at('known')])).stdout).toContain(host_fingerprint);
    expect(await ssh('id -un', 'other')).toMatch(/Permission denied/);
  });

  it.each<[string, () => Promise<{ readonly server: FileServer; readonly place: object }>]>([
    [
      'SFTP',
      async () => {
        const server = await startSftpServer(PASSWORD);
        return { server, place: { place: 'sftp', host: OUTSIDE, port: server.port, user: server.user, host_key: server.hostKey } };
      },
    ],
    [
      'WebDAV',
      async () => {
        const server = await startWebdavServer('box', PASSWORD);
        return { server, place: { place: 'webdav', url: `http://${OUTSIDE}:${server.port}`, user: 'box' } };
      },
    ],
  ])('sends its backups by %s when it is time', async (_, start) => {
    const { server, place } = await start();
    await using arriving = server;
    const time = await machine.shell("date -d '+2 min' +%H:%M");
    await api('PATCH', '/configuration/backup', { every: 'day', at: time, passphrase: PASSPHRASE, password: PASSWORD, ...place });
    const sent = () => readdirSync(arriving.folder).filter((name) => name.endsWith('.tar.gz.age'));
    const last = async () => (await api<readonly BackupRun[]>('GET', '/backup/runs')).at(0);
    await until('a backup has arrived', async () => sent().length > 0 && (await last())?.state !== 'running', BOOT_MS);
    expect(await last()).toMatchObject({ trigger: 'schedule', state: 'done', problem: null });
  });

  it('shows its log while it is written, and writes nothing into it by that', async () => {
    await curl('/login', [
      '-c',
      at('cookies'),
      '-H',
      'Sec-Fetch-Site: same-origin',
      '--data-urlencode',
      `email=${OWNER.email}`,
      '--data-urlencode',
      `password=${OWNER.password}`,
    ]);
    const written = () => machine.shell('journalctl -b -u box-request --no-pager -o cat | wc -l');
    let seen = '';
    const stream = spawn('curl', ['-skN', '-m', '60', '-b', at('cookies'), `https://127.0.0.1:${machine.httpsPort}/admin/system/logs/stream`]);
    stream.stdout.on('data', (chunk) => (seen += chunk));
    await until('the stream has begun', () => seen !== '', 60_000);
    const before = await written();
    await machine.shell("echo 'said from outside' | systemd-cat -t outside");
    await until('the line has come', () => seen.includes('said from outside'), 60_000);
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    expect(await written()).toBe(before);
    stream.kill();
  });

  it('is given a backup back by the process that runs', async () => {
    const [owner] = await api<readonly { id: string }[]>('GET', '/users');
    const { id } = await api<Device>('POST', '/devices', { user_id: owner?.id, name: 'laptop' });
    await api('GET', '/backup', undefined, ['-o', at('backup.tar.gz')]);
    await api('POST', '/devices', { user_id: owner?.id, name: 'phone' });
    expect(await devices()).toHaveLength(2);
    const process = () => machine.shell('systemctl show -P MainPID -P NRestarts -P ExecMainStartTimestampMonotonic wiregui | xargs');
    const before = await process();
    const staged = await api<{ id: string }>('POST', '/backup/restores', undefined, ['-F', `archive=@${at('backup.tar.gz')}`]);
    await api('POST', `/backup/restores/${staged.id}`);
    await until('the backup is back', async () => (await devices().catch(() => [])).join() === id, BOOT_MS);
    expect(await process()).toBe(before);
    expect(before).toMatch(/^\d+ 0 \d+$/);
    await until('the other device is gone', async () => (await machine.shell('wg show wg-wiregui peers')).split('\n').length === 1, BOOT_MS);
  });

  const isReached = async () => {
    expect(await ssh('id -un')).toBe('root');
    expect(await ssh('id -un', 'other')).toMatch(/Permission denied/);
    expect(await devices()).toHaveLength(1);
    expect(await api('GET', '/configuration/backup')).toMatchObject({ every: 'day', place: 'webdav' });
  };

  it('is reached as before after it has booted anew', async () => {
    await beginsAnew(machine, () => api('POST', '/system/reboot'));
    await machine.healthy(VERSION);
    await isReached();
  });

  it('is reached as before after an update, under the same host key', async () => {
    expect(await update(machine, 'next')).toMatch(/done$/);
    await beginsAnew(machine, () => ssh('systemctl --no-block reboot'));
    expect((await machine.healthy(NEXT)).slot).toBe('B');
    await isReached();
  });

  it('is closed to everybody after a factory reset', async () => {
    const { hostname } = await api<{ hostname: string }>('GET', '/system');
    await beginsAnew(machine, () => api('POST', '/system/factory-reset', { hostname }));
    await machine.healthy(NEXT);
    expect(await ssh('id -un')).toMatch(/closed|reset|refused|timed out/i);
    expect(await machine.shell('ls /data/box/ssh 2>/dev/null; systemctl is-active box-ssh || true')).toBe('inactive');
  });
});
