import { createHash, randomUUID } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  createReadStream,
  createWriteStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import Database from 'better-sqlite3';
import { extract, pack } from 'tar-stream';
import { z } from 'zod';
import { type Actor, systemActor } from '../accounts/permissions.ts';
import { sessions, signInFlows } from '../accounts/tables.ts';
import { createAudit } from '../audit/audit.ts';
import { AppError, Conflict, InvalidInput, messageOf, Unavailable } from '../errors.ts';
import { decrypt, encrypt, looksEncrypted } from '../system/age.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import { VERSION } from '../version.ts';
import { migrate } from './migrate.ts';
import { DATABASE_FILE, openDb, setPragma } from './open.ts';

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

/** What was checked and waits beside the database. */
export interface CheckedBackup {
  readonly folder: string;
  readonly manifest: BackupManifest;
  readonly users: number;
  readonly devices: number;
}

/** A restore that is decided: from here on it is carried through, whatever happens. */
const CONFIRMED = 'restore-confirmed';
/** Headers and filling of a tar, and what streams hold that has not been read yet. */
const SLACK_BYTES = 1024 ** 2;
/** What must stay free for the service that runs. */
const RESERVE_BYTES = 64 * 1024 ** 2;

/**
 * Writes a gzipped tar of database and key file, consistent while the service runs (SQLite's online backup); with a passphrase
 * encrypted as `age` does it.
 */
export async function writeBackup(dataDirectory: string, output: Writable, passphrase: string | null = null): Promise<void> {
  const copy = join(dataDirectory, `backup-${randomUUID()}.db`);
  // Beforehand: better-sqlite3 throws where nobody can catch it when the disk fills up under its copy.
  if (statSync(join(dataDirectory, DATABASE_FILE)).size > freeBytes(dataDirectory))
    throw new Unavailable('there is no room in the data folder for a copy of the database');
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
    const written =
      passphrase === null ? pipeline(archive, createGzip(), output) : pipeline(archive, createGzip(), (plain) => encrypt(plain, passphrase), output);
    await Promise.all([written, filling]);
  } finally {
    source.close();
    rmSync(copy, { force: true });
  }
}

/**
 * Unpacks an archive into a folder of its own beside the database and checks everything: names, kinds and sizes of entries,
 * checksums, the database's integrity, its version and its shape. Throws InvalidInput, with nothing left, when anything is amiss.
 */
export async function checkBackup(archive: Readable, dataDirectory: string, migrations: string, passphrase: string | null): Promise<CheckedBackup> {
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  const folder = join(dataDirectory, `restore-${randomUUID()}`);
  mkdirSync(folder, { mode: 0o700 });
  try {
    await unpack(archive, folder, passphrase);
    return { folder, ...(await verify(folder, migrations)) };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Decides on a checked backup: what is in it is on disk, nobody is signed in any more, and who did it is written down there.
 * The rename is the moment of the decision; `finishRestore` carries it out.
 */
export async function confirmRestore({ folder, manifest }: CheckedBackup, dataDirectory: string, actor: Actor, clock: Clock): Promise<void> {
  const db = openDb(folder);
  try {
    await db.transaction(async (tx) => {
      await tx.delete(sessions);
      await tx.delete(signInFlows);
      const { createdAt, version } = manifest;
      await createAudit(clock).record(
        tx,
        { ...actor, userId: null },
        { action: 'backup.restored', target: { type: 'backup', id: null, name: createdAt }, changes: { version } },
      );
    });
  } finally {
    db.close();
  }
  for (const name of readdirSync(folder)) sync(join(folder, name));
  sync(folder);
  if (existsSync(join(dataDirectory, CONFIRMED))) throw new Conflict('another restore is under way');
  renameSync(folder, join(dataDirectory, CONFIRMED));
  sync(dataDirectory);
}

/**
 * Puts what was decided in the place of database and key; false when there is nothing. It may be cut off at any moment and is
 * then done again: a file that has moved is not there to be moved. Throws Conflict while a service runs.
 */
export function finishRestore(dataDirectory: string): boolean {
  const folder = join(dataDirectory, CONFIRMED);
  if (!existsSync(folder)) return false;
  refuseWhileRunning(dataDirectory);
  for (const name of [KEY_FILE, DATABASE_FILE]) putInPlace(folder, dataDirectory, name);
  rmSync(folder, { recursive: true });
  sync(dataDirectory);
  return true;
}

/** Removes what a process has left that ended in the middle: copies of the database, backups nobody decided on. */
export function removeLeftovers(dataDirectory: string): void {
  if (!existsSync(dataDirectory)) return;
  const leftovers = readdirSync(dataDirectory).filter((name) => /^(restore|backup)-[0-9a-f]{8}-[0-9a-f-]{27}|^(rclone|outgoing)-\w{6}$/.test(name));
  for (const name of leftovers) rmSync(join(dataDirectory, name), { recursive: true, force: true });
}

/** Checks, decides and carries out in one go, for the command line. Throws InvalidInput or Conflict, with nothing changed. */
export async function restore(
  file: string,
  dataDirectory: string,
  migrations: string,
  passphrase: string | null = null,
  clock: Clock = systemClock,
): Promise<BackupManifest> {
  const checked = await checkBackup(createReadStream(file), dataDirectory, migrations, passphrase);
  try {
    refuseWhileRunning(dataDirectory);
    await confirmRestore(checked, dataDirectory, systemActor('console', 'cli'), clock);
    finishRestore(dataDirectory);
    return checked.manifest;
  } finally {
    rmSync(checked.folder, { recursive: true, force: true });
  }
}

/** How many bytes may be put into the data folder, so that the service that runs can go on writing. */
export function freeBytes(dataDirectory: string): number {
  const { bavail, bsize } = statfsSync(dataDirectory);
  return Math.max(0, bavail * bsize - RESERVE_BYTES);
}

async function unpack(archive: Readable, folder: string, passphrase: string | null): Promise<void> {
  const reader = extract();
  // What may come out of it: what its entries have said, and no endless rest that packs to nothing.
  let allowedBytes = SLACK_BYTES;
  async function* bounded(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let unpackedBytes = 0;
    for await (const chunk of bytes) {
      unpackedBytes += chunk.length;
      if (unpackedBytes > allowedBytes) throw refused('it unpacks to more than it says');
      yield chunk;
    }
  }
  const feeding = pipeline(archive, (bytes) => opened(bytes, passphrase), createGunzip(), bounded, reader);
  // The loop below throws first when both fail.
  feeding.catch(() => undefined);
  const seen = new Set<string>();
  const room = freeBytes(folder);
  try {
    for await (const entry of reader) {
      const { name, type, size = 0 } = entry.header;
      const largest = LARGEST[name];
      if (type !== 'file' || largest === undefined || seen.has(name)) throw refused(`it holds ${JSON.stringify(name)} (${type}), which no backup does`);
      if (size > largest) throw refused(`${name} has ${size} bytes; at most ${largest} are allowed`);
      if (size > room) throw refused(`${name} has ${size} bytes, and there is room for ${room}`);
      seen.add(name);
      allowedBytes += size;
      await pipeline(Readable.from(entry), createWriteStream(join(folder, name), { mode: 0o600, flags: 'wx' }));
    }
    await feeding;
  } catch (error) {
    throw error instanceof AppError ? error : refused(messageOf(error), error);
  }
}

/** The archive without its encryption, if it has one. */
async function* opened(bytes: AsyncIterable<Buffer>, passphrase: string | null): AsyncGenerator<Buffer> {
  const source = bytes[Symbol.asyncIterator]();
  const first = await source.next();
  const beginning = first.done ? Buffer.alloc(0) : first.value;
  async function* whole() {
    yield beginning;
    yield* { [Symbol.asyncIterator]: () => source };
  }
  if (!looksEncrypted(beginning)) return yield* whole();
  if (passphrase === null) throw new InvalidInput({ passphrase: ['is needed: this archive is encrypted'] });
  yield* decrypt(whole(), passphrase);
}

async function verify(folder: string, migrations: string): Promise<Omit<CheckedBackup, 'folder'>> {
  const manifest = readManifest(join(folder, MANIFEST_FILE));
  if (!(DATABASE_FILE in manifest.files)) throw refused('it holds no database');
  const unnamed = readdirSync(folder).find((name) => name !== MANIFEST_FILE && !(name in manifest.files));
  if (unnamed !== undefined) throw refused(`its manifest does not name ${unnamed}`);
  for (const [name, checksum] of Object.entries(manifest.files)) {
    if (!(name in LARGEST) || !existsSync(join(folder, name))) throw refused(`${name} is missing`);
    if ((await hashOf(join(folder, name))) !== checksum) throw refused(`${name} was changed after it was written`);
  }
  if (manifest.version.localeCompare(VERSION, 'en', { numeric: true }) > 0)
    throw refused(`it was made by the newer version ${manifest.version}; this is ${VERSION}`);
  return { manifest, ...verifyDatabase(join(folder, DATABASE_FILE), migrations) };
}

function readManifest(path: string): BackupManifest {
  try {
    return manifestSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw refused('its manifest is missing or malformed', error);
  }
}

function verifyDatabase(path: string, migrations: string): Pick<CheckedBackup, 'users' | 'devices'> {
  let database: Database.Database | undefined;
  try {
    database = new Database(path, { fileMustExist: true });
    setPragma(database, 'trusted_schema = OFF');
    if (database.pragma('integrity_check', { simple: true }) !== 'ok') throw new Error('its integrity check fails');
    const foreign = database.prepare("SELECT name FROM sqlite_schema WHERE type IN ('trigger', 'view') LIMIT 1").raw().get();
    if (foreign !== undefined) throw new Error('it holds triggers or views, which ours never does');
    migrate(database, migrations, 'core');
    const owners = database.prepare("SELECT DISTINCT owner FROM migrations WHERE owner <> 'core'").pluck().all() as string[];
    for (const owner of owners) migrateOwn(database, migrations, owner);
    refuseForeignSchema(database, migrations, owners);
    const count = (table: string) => Number(database?.prepare(`SELECT count(*) FROM ${table}`).pluck().get());
    const counts = { users: count('users'), devices: count('devices') };
    setPragma(database, 'journal_mode = DELETE');
    return counts;
  } catch (error) {
    throw refused(`its database cannot be used: ${messageOf(error)}`, error);
  } finally {
    database?.close();
  }
}

/** The owner is a word of the archive's before it becomes a folder of ours. */
function migrateOwn(database: Database.Database, migrations: string, owner: string): void {
  if (!readdirSync(migrations).includes(owner)) throw new Error(`it holds tables of ${JSON.stringify(owner)}, which this version does not know`);
  migrate(database, migrations, owner);
}

/** Every table and index is one that our own migrations make, to the letter. */
function refuseForeignSchema(database: Database.Database, migrations: string, owners: readonly string[]): void {
  const own = new Database(':memory:');
  try {
    for (const owner of ['core', ...owners]) migrate(own, migrations, owner);
    const known = new Set(schemaOf(own));
    const foreign = schemaOf(database).find((definition) => !known.has(definition));
    if (foreign !== undefined) throw new Error(`it holds what ours never does: ${foreign.slice(0, 80)}`);
  } finally {
    own.close();
  }
}

function schemaOf(database: Database.Database): string[] {
  return database
    .prepare("SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
    .pluck()
    .all() as string[];
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
    // A database that is broken is what a restore is for.
    if (!/^SQLITE_(BUSY|LOCKED)/.test((cause as { readonly code?: string }).code ?? '')) return;
    throw new Conflict('the service is running; stop it first, so that nothing it writes is lost', { cause });
  } finally {
    database.close();
  }
}

/** What is there stays as `.before-restore`; the restored file takes its place in one step. */
function putInPlace(folder: string, dataDirectory: string, name: string): void {
  const target = join(dataDirectory, name);
  const restored = join(folder, name);
  if (!existsSync(restored)) return;
  if (existsSync(target)) {
    const kept = `${target}.before-restore`;
    rmSync(`${kept}.new`, { force: true });
    copyFileSync(target, `${kept}.new`);
    chmodSync(`${kept}.new`, 0o600);
    sync(`${kept}.new`);
    renameSync(`${kept}.new`, kept);
  }
  if (name === DATABASE_FILE) for (const suffix of ['-wal', '-shm']) rmSync(`${target}${suffix}`, { force: true });
  renameSync(restored, target);
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
