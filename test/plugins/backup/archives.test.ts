import { createHash } from 'node:crypto';
import { cpSync, createReadStream, createWriteStream, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import Database from 'better-sqlite3';
import { type Pack, pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkBackup, restore } from '../../../core/db/backup.ts';
import { migrate } from '../../../core/db/migrate.ts';
import { createBackups } from '../../../core/system/backups.ts';
import { programPaths } from '../../../core/system/paths.ts';
import { run } from '../../../core/system/run.ts';
import { ADMIN, createTestApp } from '../../support/app.ts';
import { createTestClock } from '../../support/clock.ts';

const { migrations } = programPaths();

describe('the archive of an older version', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'wiregui-older-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const names = readdirSync(join(migrations, 'core')).filter((name) => name.endsWith('.sql'));

  it.each(names.slice(0, -1).map((_, index) => index + 1))('is brought up to date from its migration %i on, with who is in it', async (count) => {
    const older = join(folder, 'migrations');
    mkdirSync(join(older, 'core'), { recursive: true });
    for (const name of names.slice(0, count)) cpSync(join(migrations, 'core', name), join(older, 'core', name));
    const target = join(folder, 'target');
    await restore(await archiveOf(await olderDatabase(older)), target, migrations);
    const database = new Database(join(target, 'wiregui.db'), { readonly: true });
    expect(database.prepare("SELECT name || '.sql' FROM migrations WHERE owner = 'core' ORDER BY name").pluck().all()).toEqual(names);
    database.close();
    await using box = await createTestApp({ dataDirectory: target, env: { WG_ADMIN_EMAIL: '' } });
    expect((await (await box.signedIn(ADMIN)).get('/devices')).status).toBe(200);
  });

  it('is taken also when it is large', async () => {
    const database = await olderDatabase(
      migrations,
      "INSERT INTO sessions (id, created_at, updated_at, hash, last_seen_at, expires_at, data) VALUES ('x', 0, 0, 'x', 0, 0, hex(randomblob(2000000)))",
    );
    await restore(await archiveOf(database), join(folder, 'target'), migrations);
    expect(readdirSync(join(folder, 'target'))).toContain('wiregui.db');
  });

  it('is checked alone', async () => {
    const never = new PassThrough();
    const backups = createBackups({ dataDirectory: folder, migrations, clock: createTestClock(), run, restart: () => {} });
    const first = backups.stage(never, null, 'a').catch(() => 'refused');
    await expect(backups.stage(new PassThrough(), null, 'b')).rejects.toMatchObject({ code: 'conflict' });
    never.end();
    expect(await first).toBe('refused');
  });

  /** With the user of a present box in it, as far as that version knew what a user is. */
  async function olderDatabase(older: string, more = ''): Promise<Buffer> {
    await using box = await createTestApp({ plugins: [] });
    const path = join(folder, 'older.db');
    const database = new Database(path);
    migrate(database, older, 'core');
    database.prepare('ATTACH ? AS present').run(join(box.dataDirectory, 'wiregui.db'));
    const columns = database.prepare("SELECT name FROM pragma_table_info('users')").pluck().all().join(', ');
    database.exec(`INSERT INTO main.users (${columns}) SELECT ${columns} FROM present.users`);
    database.exec(`DETACH present; ${more}`);
    database.close();
    return readFileSync(path);
  }

  async function archiveOf(database: Buffer): Promise<string> {
    const files = { 'wiregui.db': createHash('sha256').update(database).digest('hex') };
    const manifest = { format: 'wiregui-backup-1', version: '0.0.1', createdAt: '2026-01-01T00:00:00Z', files };
    const writer = pack();
    const path = join(folder, 'older.tar.gz');
    const writing = pipeline(writer, createGzip(), createWriteStream(path));
    writer.entry({ name: 'manifest.json' }, JSON.stringify(manifest));
    writer.entry({ name: 'wiregui.db' }, database);
    writer.finalize();
    await writing;
    return path;
  }
});

const MB = 1024 ** 2;

/** So much of nothing, which packs to almost nothing. */
async function* nothing(bytes: number): AsyncGenerator<Buffer> {
  for (let left = bytes; left > 0; left -= MB) yield Buffer.alloc(Math.min(MB, left));
}

describe('an archive that unpacks to more than it may', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'wiregui-bomb-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  async function packed(fill: (writer: Pack) => void, rest = 0): Promise<string> {
    const writer = pack();
    const path = join(folder, 'bomb.tar.gz');
    fill(writer);
    async function* whole() {
      yield* writer as AsyncIterable<Buffer>;
      yield* nothing(rest);
    }
    await pipeline(Readable.from(whole()), createGzip({ level: constants.Z_BEST_SPEED }), createWriteStream(path));
    return path;
  }

  async function refusal(path: string, target = join(folder, 'target')): Promise<string> {
    const why = await checkBackup(createReadStream(path), target, migrations, null).then(
      () => 'accepted',
      (error: Error) => error.message,
    );
    expect(readdirSync(target)).toEqual([]);
    return why;
  }

  const entry = (name: string, size: number) => (writer: Pack) => {
    writer.entry({ name }, Buffer.alloc(size), () => writer.finalize());
  };

  it('is refused by the size of each of its parts', async () => {
    expect(await refusal(await packed(entry('manifest.json', MB)))).toContain('manifest.json has 1048576 bytes; at most 65536');
    expect(await refusal(await packed(entry('secret.key', 2_000)))).toContain('secret.key has 2000 bytes; at most 1024');
  });

  it('is refused by what comes after its end', async () => {
    const path = await packed((writer) => {
      writer.entry({ name: 'manifest.json' }, '{}');
      writer.finalize();
    }, 64 * MB);
    expect(await refusal(path)).toContain('unpacks to more than it says');
  });

  it('is refused by the room that there is', async () => {
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    await run(['mount', '-t', 'tmpfs', '-o', 'size=72m', 'tmpfs', disk]);
    try {
      const path = await packed((writer) => {
        writer.entry({ name: 'manifest.json' }, '{}');
        const stream = writer.entry({ name: 'wiregui.db', size: 32 * MB }, () => writer.finalize());
        void pipeline(Readable.from(nothing(32 * MB)), stream);
      });
      expect(await refusal(path, join(disk, 'data'))).toMatch(/wiregui\.db has 33554432 bytes, and there is room for \d{7}$/);
    } finally {
      await run(['umount', disk]);
    }
  });
});
