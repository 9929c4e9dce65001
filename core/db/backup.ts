import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import Database from 'better-sqlite3';
import { extract, pack } from 'tar-stream';
import { z } from 'zod';
import { Conflict, InvalidInput, messageOf } from '../errors.ts';
import { VERSION } from '../version.ts';
import { migrate } from './migrate.ts';
import { DATABASE_FILE, setPragma } from './open.ts';

const manifestSchema = z.strictObject({
  format: z.literal('wiregui-backup-1'),
  version: z.string().max(64),
  createdAt: z.iso.datetime(),
  files: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)),
});

export type BackupManifest = z.output<typeof manifestSchema>;

const KEY_FILE = 'secret.key';
const MANIFEST_FILE = 'manifest.json';
/** What an archive may hold, and how many bytes of each. */
const LARGEST: Readonly<Record<string, number>> = { [MANIFEST_FILE]: 64 * 1024, [KEY_FILE]: 1024, [DATABASE_FILE]: 4 * 1024 ** 3 };

/** Writes a gzipped tar of database and key file, consistent while the service runs (SQLite's online backup). */
export async function writeBackup(dataDirectory: string, output: Writable): Promise<void> {
  const copy = join(dataDirectory, `backup-${randomUUID()}.db`);
  const source = new Database(join(dataDirectory, DATABASE_FILE), { fileMustExist: true });
  try {
    await source.backup(copy);
    const key = existsSync(join(dataDirectory, KEY_FILE)) ? readFileSync(join(dataDirectory, KEY_FILE)) : null;
    const files = { [DATABASE_FILE]: await hashOf(copy), ...(key === null ? {} : { [KEY_FILE]: createHash('sha256').update(key).digest('hex') }) };
    const manifest: BackupManifest = { format: 'wiregui-backup-1', version: VERSION, createdAt: new Date(statSync(copy).mtimeMs).toISOString(), files };
    const archive = pack();
    archive.entry({ name: MANIFEST_FILE, mode: 0o600 }, JSON.stringify(manifest));
    if (key !== null) archive.entry({ name: KEY_FILE, mode: 0o600 }, key);
    const entry = archive.entry({ name: DATABASE_FILE, mode: 0o600, size: statSync(copy).size });
    const filling = pipeline(createReadStream(copy), entry).then(() => archive.finalize());
    // Together: whoever takes the archive may leave in the middle.
    await Promise.all([pipeline(archive, createGzip(), output), filling]);
  } finally {
    source.close();
    rmSync(copy, { force: true });
  }
}

/**
 * Puts an archive in the place of database and key. Everything is checked in a folder of its own first: names, kinds and
 * sizes of entries, checksums, the database's integrity and its migrations. Throws InvalidInput, with nothing changed,
 * when anything is amiss, and Conflict while a service runs.
 */
export async function restore(file: string, dataDirectory: string, migrations: string): Promise<BackupManifest> {
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  const folder = join(dataDirectory, `restore-${randomUUID()}`);
  mkdirSync(folder, { mode: 0o700 });
  try {
    await unpack(file, folder);
    const manifest = await verify(folder, migrations);
    refuseWhileRunning(dataDirectory);
    putInPlace(folder, dataDirectory);
    return manifest;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function unpack(file: string, folder: string): Promise<void> {
  const reader = extract();
  const feeding = pipeline(createReadStream(file), createGunzip(), reader);
  // The loop below throws first when both fail.
  feeding.catch(() => undefined);
  const seen = new Set<string>();
  try {
    for await (const entry of reader) {
      const { name, type, size = 0 } = entry.header;
      const largest = LARGEST[name];
      if (type !== 'file' || largest === undefined || seen.has(name)) throw refused(`it holds ${JSON.stringify(name)} (${type}), which no backup does`);
      if (size > largest) throw refused(`${name} has ${size} bytes; at most ${largest} are allowed`);
      seen.add(name);
      await pipeline(Readable.from(entry), createWriteStream(join(folder, name), { mode: 0o600, flags: 'wx' }));
    }
    await feeding;
  } catch (error) {
    throw error instanceof InvalidInput ? error : refused(messageOf(error), error);
  }
}

async function verify(folder: string, migrations: string): Promise<BackupManifest> {
  const manifest = readManifest(join(folder, MANIFEST_FILE));
  if (!(DATABASE_FILE in manifest.files)) throw refused('it holds no database');
  for (const [name, checksum] of Object.entries(manifest.files)) {
    if (!(name in LARGEST) || !existsSync(join(folder, name))) throw refused(`${name} is missing`);
    if ((await hashOf(join(folder, name))) !== checksum) throw refused(`${name} was changed after it was written`);
  }
  verifyDatabase(join(folder, DATABASE_FILE), migrations);
  return manifest;
}

function readManifest(path: string): BackupManifest {
  try {
    return manifestSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw refused('its manifest is missing or malformed', error);
  }
}

function verifyDatabase(path: string, migrations: string): void {
  let database: Database.Database | undefined;
  try {
    database = new Database(path, { fileMustExist: true });
    setPragma(database, 'trusted_schema = OFF');
    if (database.pragma('integrity_check', { simple: true }) !== 'ok') throw new Error('its integrity check fails');
    const foreign = database.prepare("SELECT name FROM sqlite_schema WHERE type IN ('trigger', 'view') LIMIT 1").raw().get();
    if (foreign !== undefined) throw new Error('it holds triggers or views, which ours never does');
    migrate(database, migrations, 'core');
    database.prepare('SELECT id FROM users LIMIT 1').raw().get();
    setPragma(database, 'journal_mode = DELETE');
  } catch (error) {
    throw refused(`its database cannot be used: ${messageOf(error)}`, error);
  } finally {
    database?.close();
  }
}

/** In WAL mode nobody gets the exclusive lock while another process has the file open (sqlite.org/wal.html). */
function refuseWhileRunning(dataDirectory: string): void {
  const present = join(dataDirectory, DATABASE_FILE);
  if (!existsSync(present)) return;
  const database = new Database(present, { timeout: 0 });
  try {
    setPragma(database, 'locking_mode = EXCLUSIVE');
    database.exec('BEGIN EXCLUSIVE; COMMIT');
  } catch (cause) {
    throw new Conflict('the service is running; stop it first, so that nothing it writes is lost', { cause });
  } finally {
    database.close();
  }
}

function putInPlace(folder: string, dataDirectory: string): void {
  for (const name of [KEY_FILE, DATABASE_FILE]) {
    const target = join(dataDirectory, name);
    const restored = join(folder, name);
    if (!existsSync(restored)) continue;
    sync(restored);
    if (existsSync(target)) writeFileSync(`${target}.before-restore`, readFileSync(target), { mode: 0o600 });
    for (const suffix of ['-wal', '-shm']) if (name === DATABASE_FILE) rmSync(`${target}${suffix}`, { force: true });
    renameSync(restored, target);
  }
  sync(dataDirectory);
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function refused(why: string, cause?: unknown): InvalidInput {
  return new InvalidInput({ archive: [`is refused: ${why}`] }, { cause });
}
