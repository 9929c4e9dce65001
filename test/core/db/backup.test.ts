import { createReadStream, createWriteStream, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { restore, writeBackup } from '../../../core/db/backup.ts';
import { programPaths } from '../../../core/system/paths.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';

interface Entry {
  readonly header: { readonly name: string; readonly type?: 'file' | 'symlink' | 'directory'; readonly linkname?: string };
  readonly content: Buffer;
}

describe('backup and restore', () => {
  const { migrations } = programPaths();
  let folder: string;
  let archive: string;
  let box: TestApp;
  const target = () => join(folder, 'target');

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wiregui-backup-'));
    archive = join(folder, 'backup.tar.gz');
    box = await createTestApp();
    const browser = await box.signedIn();
    await browser.post('/devices', { name: 'Laptop' });
    await writeBackup(box.dataDirectory, createWriteStream(archive));
  });
  afterEach(async () => {
    await box[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  it('give another box the same devices and secrets', async () => {
    await restore(archive, target(), migrations);
    await using second = await createTestApp({ dataDirectory: target() });
    const peers = async ({ app }: TestApp) =>
      (await app.networkStore.load(new Map())).devices.map(({ publicKey, presharedKey, ipv4 }) => ({ publicKey, presharedKey, ipv4 }));
    expect(await peers(second)).toEqual(await peers(box));
    expect(await second.app.networkStore.serverKeys()).toEqual(await box.app.networkStore.serverKeys());
  });

  it('fails once when whoever takes the archive leaves', async () => {
    const output = new PassThrough();
    const written = writeBackup(box.dataDirectory, output);
    output.destroy();
    await expect(written).rejects.toThrow();
  });

  it('refuses while a service has the database open', async () => {
    await expect(restore(archive, box.dataDirectory, migrations)).rejects.toThrow('the service is running');
    expect((await (await box.signedIn()).get('/devices')).text).toContain('Laptop');
  });

  const hostile: Readonly<Record<string, (entries: Entry[]) => Entry[]>> = {
    'a path that leads out': (entries) => [...entries, { header: { name: '../evil' }, content: Buffer.from('x') }],
    'an absolute path': (entries) => [...entries, { header: { name: '/etc/evil' }, content: Buffer.from('x') }],
    'a symbolic link': (entries) => [...entries, { header: { name: 'secret.key', type: 'symlink', linkname: '/etc/passwd' }, content: Buffer.alloc(0) }],
    'an entry twice': (entries) => [...entries, ...entries],
    'a changed database': (entries) =>
      entries.map((entry) => (entry.header.name === 'wiregui.db' ? { ...entry, content: Buffer.concat([entry.content, Buffer.from('x')]) } : entry)),
    'no manifest': (entries) => entries.filter(({ header }) => header.name !== 'manifest.json'),
    'no database': (entries) => entries.filter(({ header }) => header.name !== 'wiregui.db'),
    'a manifest that is none': (entries) =>
      entries.map((entry) => (entry.header.name === 'manifest.json' ? { ...entry, content: Buffer.from('{"format":"other"}') } : entry)),
    'a key file of a megabyte': (entries) =>
      entries.map((entry) => (entry.header.name === 'secret.key' ? { ...entry, content: Buffer.alloc(1_048_576) } : entry)),
  };

  it.each(Object.entries(hostile))('refuses an archive with %s whole, and changes nothing', async (_, spoil) => {
    await rewrite(archive, spoil);
    await expect(restore(archive, target(), migrations)).rejects.toMatchObject({ code: 'invalid_input' });
    expect(readdirSync(target())).toEqual([]);
    expect(existsSync(join(folder, 'evil'))).toBe(false);
  });

  it('refuses what is no archive at all', async () => {
    writeFileSync(archive, 'certainly not gzip');
    await expect(restore(archive, target(), migrations)).rejects.toMatchObject({ code: 'invalid_input' });
    expect(readdirSync(target())).toEqual([]);
  });

  it('keeps what was there before', async () => {
    await restore(archive, target(), migrations);
    const before = readFileSync(join(target(), 'wiregui.db'));
    await restore(archive, target(), migrations);
    expect(readFileSync(join(target(), 'wiregui.db.before-restore'))).toEqual(before);
  });
});

async function rewrite(archive: string, change: (entries: Entry[]) => Entry[]): Promise<void> {
  const reader = extract();
  const reading = pipeline(createReadStream(archive), createGunzip(), reader);
  const entries: Entry[] = [];
  for await (const entry of reader) entries.push({ header: { name: entry.header.name }, content: Buffer.concat(await Readable.from(entry).toArray()) });
  await reading;
  const writer = pack();
  const writing = pipeline(writer, createGzip(), createWriteStream(archive));
  for (const { header, content } of change(entries)) writer.entry(header, content);
  writer.finalize();
  await writing;
}
