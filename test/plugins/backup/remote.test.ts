import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decrypt } from '../../../core/system/age.ts';
import { apiOf, type TestApi } from '../../support/api.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';
import { startSftpServer, startWebdavServer } from '../../support/sftp-server.ts';

const PASSPHRASE = 'twelve or more characters';
const PASSWORD = 'p#ss; "w`rd" %41 = x';
const DAY = 86_400_000;

describe('backups to another server', () => {
  let box: TestApp;
  let api: TestApi;
  beforeEach(async () => {
    box = await createTestApp();
    api = await apiOf(box);
  });
  afterEach(() => box[Symbol.asyncDispose]());

  const set = (change: object) => api.call('PATCH', '/configuration/backup', { every: 'day', passphrase: PASSPHRASE, password: PASSWORD, keep: 2, ...change });
  const test = async () => {
    const { status, body } = await api.call('POST', '/backup/test');
    return status === 204 ? 'well' : body.detail;
  };
  const archives = (folder: string) => readdirSync(folder);

  async function pass(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = box.app.events.on('job.ran', ({ id }) => (id === 'backup:runs' ? resolve() : undefined));
    box.clock.advance(ms);
    await promise;
    stop();
  }

  /** Every argument of every process there is, while `work` goes on. */
  async function argumentsDuring(work: () => Promise<unknown>): Promise<string> {
    const seen = new Set<string>();
    const looking = setInterval(() => {
      for (const id of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        try {
          seen.add(readFileSync(`/proc/${id}/cmdline`, 'utf8'));
        } catch {
          // It has ended.
        }
      }
    }, 5);
    await work().finally(() => clearInterval(looking));
    return [...seen].join('\n');
  }

  it('go by SFTP, whole and encrypted; no secret stands in an argument, and nothing is left behind', async () => {
    await using server = await startSftpServer(PASSWORD);
    const { port, user, hostKey } = server;
    expect((await set({ place: 'sftp', host: '127.0.0.1', port, user, host_key: `${hostKey} a comment` })).status).toBe(200);
    expect(await test()).toBe('well');
    expect(archives(server.folder)).toEqual([]);
    const seen = await argumentsDuring(() => pass(1_000));
    expect(seen).toContain('copyto');
    for (const secret of [PASSWORD, PASSPHRASE]) expect(seen).not.toContain(secret);
    const [name = ''] = archives(server.folder);
    expect(name).toMatch(/^wiregui-localhost-.*\.tar\.gz\.age$/);
    const archive = await buffer(decrypt(Readable.from([readFileSync(join(server.folder, name))]), PASSPHRASE));
    expect(archive.subarray(0, 2).toString('hex')).toBe('1f8b');
    await pass(DAY);
    await pass(DAY);
    expect([archives(server.folder).length, archives(server.folder).includes(name)]).toEqual([2, false]);
    expect(readdirSync(box.dataDirectory).filter((entry) => /^(outgoing|rclone|backup)-/.test(entry))).toEqual([]);
  }, 60_000);

  it('do not go by SFTP to a server with another key, nor with a wrong password', async () => {
    await using server = await startSftpServer(PASSWORD);
    await using other = await startSftpServer(PASSWORD);
    const { port, user, hostKey } = server;
    await set({ place: 'sftp', host: '127.0.0.1', port, user, host_key: other.hostKey });
    expect(await test()).toContain('key mismatch');
    await set({ host_key: hostKey, password: 'wrong' });
    expect(await test()).toContain('unable to authenticate');
    await pass(1_000);
    expect((await api.call('GET', '/notifications')).body[0].message).toContain(`The backup to ${user}@127.0.0.1 failed`);
    expect(archives(server.folder)).toEqual([]);
  }, 60_000);

  it('go by WebDAV, and say why when they do not', async () => {
    await using server = await startWebdavServer('backup', PASSWORD);
    await set({ place: 'webdav', url: `http://127.0.0.1:${server.port}`, user: 'backup' });
    expect(await test()).toBe('well');
    for (const ms of [1_000, DAY, DAY]) await pass(ms);
    expect(archives(server.folder)).toHaveLength(2);
    await set({ password: 'wrong' });
    expect(await test()).toContain('401');
  }, 60_000);
});
