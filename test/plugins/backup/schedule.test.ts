import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiOf, type TestApi } from '../../support/api.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe('backups that are made by themselves', () => {
  let box: TestApp;
  let api: TestApi;
  let folder: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wiregui-place-'));
    box = await createTestApp();
    api = await apiOf(box);
  });
  afterEach(async () => {
    await box[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const set = (change: object) => api.call('PATCH', '/configuration/backup', change);
  const made = () => readdirSync(folder).filter((name) => /^wiregui-localhost-\d{8}T/.test(name));
  const notices = async () => (await api.call('GET', '/notifications')).body.filter(({ about }: { about: string }) => about === 'backup');

  async function pass(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = box.app.events.on('job.ran', ({ id }) => (id === 'backup:runs' ? resolve() : undefined));
    box.clock.advance(ms);
    await promise;
    stop();
  }

  it('come into being at once, then every day, and old ones of this box alone go', async () => {
    const others = [
      'notes.txt',
      'wiregui-localhost-2-20200101T000000Z.tar.gz',
      'wiregui-other.example.com-20200101T000000Z.tar.gz',
      'wiregui-localhost-20200101T000000Z.tar.gz.bak',
    ];
    for (const name of others) writeFileSync(join(folder, name), '');
    expect((await set({ every: 'day', at: '03:00', folder, keep: 2 })).status).toBe(200);
    for (const ms of [1_000, DAY, DAY, DAY]) await pass(ms);
    expect(made().filter((name) => name.endsWith('.gz'))).toHaveLength(2);
    for (const name of others) expect(readdirSync(folder)).toContain(name);
    const [newest = ''] = made().filter((name) => name.endsWith('.gz'));
    expect(statSync(join(folder, newest)).mode & 0o777).toBe(0o600);
    await pass(1_000);
    expect((await api.call('GET', '/backup/runs')).body).toHaveLength(4);
    expect((await (await box.signedIn()).get('/admin/audit')).text).toContain('backup.made');
  });

  it('are encrypted with a passphrase, of which nothing is shown', async () => {
    await set({ every: 'week', folder, passphrase: 'twelve or more characters' });
    await pass(1_000);
    expect(made()).toEqual([expect.stringMatching(/\.tar\.gz\.age$/)]);
    expect(JSON.stringify((await api.call('GET', '/configuration/backup')).body)).not.toContain('twelve');
  });

  it('are told of once when they fail, tried again after an hour, and told of anew after one that was good', async () => {
    await set({ every: 'day', folder });
    const told: string[] = [];
    box.app.events.on('attention.needed', ({ about }) => void told.push(about));
    rmSync(folder, { recursive: true });
    for (const ms of [1_000, HOUR / 2, HOUR, HOUR]) await pass(ms);
    expect((await api.call('GET', '/backup/runs')).body.map(({ state }: { state: string }) => state)).toEqual(['failed', 'failed', 'failed']);
    expect((await notices()).map(({ message }: { message: string }) => message)).toEqual([expect.stringContaining(`The backup to ${folder} failed`)]);
    expect(told).toEqual(['backup']);
    mkdirSync(folder);
    await pass(HOUR);
    expect(made()).toHaveLength(1);
    await api.call('POST', '/notifications/read');
    rmSync(folder, { recursive: true });
    await pass(DAY);
    expect(await notices()).toHaveLength(2);
  });

  it('go nowhere that is relative, missing, a file, in the data folder, or leads there', async () => {
    const file = join(folder, 'file');
    const link = join(folder, 'link');
    writeFileSync(file, '');
    symlinkSync(box.dataDirectory, link);
    for (const path of [
      '',
      'backups',
      '/nowhere/at/all',
      file,
      box.dataDirectory,
      join(box.dataDirectory, 'x', '..'),
      link,
      `${folder}/../..${box.dataDirectory}`,
    ])
      expect([path, (await set({ every: 'day', folder: path })).status]).toEqual([path, 422]);
    expect((await set({ every: 'day', folder, at: '25:00' })).status).toBe(422);
  });

  it('leave the box only encrypted, to a server that is known', async () => {
    const server = { every: 'day', place: 'sftp', host: 'nas.example.com', user: 'backup', password: 'secret' };
    expect((await set(server)).body.errors).toMatchObject({ passphrase: [expect.stringContaining('never leaves')], host_key: ['is needed for this place'] });
    expect((await set({ ...server, host_key: 'anything\ntype = local' })).status).toBe(422);
    const webdav = { every: 'day', place: 'webdav', url: 'https://nas.example.com' };
    expect((await set(webdav)).body.errors).toEqual({ passphrase: [expect.stringContaining('never leaves')] });
    const passphrase = 'twelve or more characters';
    expect((await set({ ...webdav, passphrase, url: 'https://me:secret@nas.example.com' })).body.errors).toEqual({ url: [expect.any(String)] });
    expect((await set({ ...webdav, passphrase, folder: 'a/../../etc' })).body.errors).toEqual({ folder: [expect.any(String)] });
    expect((await set({ every: 'day', place: 'webdav', url: 'https://nas.example.com', passphrase: 'short' })).status).toBe(422);
  });

  it('are not made while that is off, and one that was cut off with the service is said to have failed', async () => {
    await set({ every: 'off', folder });
    await pass(DAY);
    expect([made(), (await api.call('GET', '/backup/runs')).body]).toEqual([[], []]);
    const values = "('cut', 0, 0, 'schedule', 'running', '/x')";
    box.app.db.writer.exec(`INSERT INTO backup_runs (id, created_at, updated_at, trigger, state, place) VALUES ${values}`);
    await api.call('POST', '/backup/runs');
    await pass(1_000);
    const { body } = await api.call('GET', '/backup/runs');
    expect(body.map(({ state, problem }: { state: string; problem: string }) => [state, problem !== null])).toEqual([
      ['done', false],
      ['failed', true],
    ]);
  });

  it('are made on demand, and the place is tried', async () => {
    expect((await api.call('POST', '/backup/runs')).status).toBe(422);
    await set({ folder });
    expect((await api.call('POST', '/backup/test')).status).toBe(204);
    expect(readdirSync(folder)).toEqual([]);
    expect((await api.call('POST', '/backup/runs')).body).toMatchObject({ state: 'asked', trigger: 'person' });
    await pass(1_000);
    expect(made()).toHaveLength(1);
    const page = (await (await box.signedIn()).get('/admin/settings/backup')).text;
    expect(page).toContain(made()[0]);
    const admin = await box.signedIn();
    expect((await admin.post('/admin/settings/backup/run')).status).toBe(303);
    rmSync(folder, { recursive: true });
    expect((await admin.post('/admin/settings/backup/test')).text).toContain('is no folder on this box');
  });
});
