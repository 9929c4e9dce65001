import { createHash } from 'node:crypto';
import { createWriteStream, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import Database from 'better-sqlite3';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { restore, writeBackup } from '../../../core/db/backup.ts';
import { programPaths } from '../../../core/system/paths.ts';
import { createTestApp } from '../../support/app.ts';

describe('an archive that is well-formed but not one of ours', () => {
  const { migrations } = programPaths();
  let folder: string;
  let base: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wiregui-hostile-'));
    base = join(folder, 'base');
    await using box = await createTestApp({ plugins: [] });
    await writeBackup(box.dataDirectory, createWriteStream(join(folder, 'own.tar.gz')));
    await restore(join(folder, 'own.tar.gz'), base, migrations);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** With checksums that are right, as whoever makes such a file would have them. */
  async function archiveWith(sql: string, version = '0.0.1', extra?: Buffer): Promise<string> {
    const path = join(base, 'wiregui.db');
    const database = new Database(path);
    database.exec(sql);
    database.close();
    const content = readFileSync(path);
    const files = { 'wiregui.db': createHash('sha256').update(content).digest('hex') };
    const manifest = { format: 'wiregui-backup-1', version, createdAt: '2026-01-01T00:00:00Z', files };
    const writer = pack();
    const target = join(folder, 'made.tar.gz');
    const writing = pipeline(writer, createGzip(), createWriteStream(target));
    writer.entry({ name: 'manifest.json' }, JSON.stringify(manifest));
    writer.entry({ name: 'wiregui.db' }, content);
    if (extra) writer.entry({ name: 'secret.key' }, extra);
    writer.finalize();
    await writing;
    return target;
  }

  it('is one of ours as long as nothing is done to it', async () => {
    await restore(await archiveWith('SELECT 1'), join(folder, 'target'), migrations);
    expect(readdirSync(join(folder, 'target'))).toContain('wiregui.db');
  });

  it.each([
    ['a table of its own', 'CREATE TABLE evil (a)', 'what ours never does'],
    ['a column more', 'ALTER TABLE users ADD COLUMN evil TEXT', 'what ours never does'],
    ['a trigger', 'CREATE TRIGGER evil AFTER INSERT ON users BEGIN SELECT 1; END', 'triggers or views'],
    ['a migration of a newer version', "INSERT INTO migrations VALUES ('core', '9999_new', 'x', 0)", 'newer version'],
    ['an owner that leads out', "INSERT INTO migrations VALUES ('../../etc', 'x', 'x', 0)", 'does not know'],
  ])('is refused with %s', async (_, sql, why) => {
    await expect(restore(await archiveWith(sql), join(folder, 'target'), migrations)).rejects.toThrow(why);
    expect(readdirSync(join(folder, 'target'))).toEqual([]);
  });

  it('is refused by a newer version, and with a key that its manifest does not name', async () => {
    await expect(restore(await archiveWith('SELECT 1', '99.0.0'), join(folder, 'target'), migrations)).rejects.toThrow('newer version 99.0.0');
    await expect(restore(await archiveWith('SELECT 1', '0.0.1', Buffer.from('key')), join(folder, 'target'), migrations)).rejects.toThrow(
      'does not name secret.key',
    );
    expect(readdirSync(join(folder, 'target'))).toEqual([]);
  });
});
