import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { AppError } from '../errors.ts';
import { setPragma } from './open.ts';

/** The database cannot be brought to the shape this version needs; nothing was changed. */
export class MigrationFailed extends AppError {
  readonly code = 'migration_failed';
  readonly status = 500;
}

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/**
 * Applies what is new in `<folder>/<owner>/*.sql`, in the order of the names, all or nothing.
 * Throws MigrationFailed when an applied one has changed or is missing, or when a reference would dangle.
 */
export function migrate(database: Database, folder: string, owner: string): void {
  const migrations = readMigrations(join(folder, owner));
  const applied = readJournal(database, owner);
  refuseChangedHistory(owner, migrations, applied);
  const pending = migrations.filter(({ name }) => !applied.has(name));
  if (pending.length === 0) return;

  // SQLite ignores this pragma inside a transaction, and drizzle rebuilds a table by dropping it: with foreign
  // keys on, the drop would delete every child row (sqlite.org/lang_altertable.html#otheralter).
  setPragma(database, 'foreign_keys = OFF');
  try {
    database.transaction(() => applyAll(database, owner, pending)).immediate();
  } finally {
    setPragma(database, 'foreign_keys = ON');
  }
}

function readMigrations(directory: string): readonly Migration[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => {
      const sql = readFileSync(join(directory, file), 'utf8');
      return { name: file.slice(0, -'.sql'.length), sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
}

function readJournal(database: Database, owner: string): ReadonlyMap<string, string> {
  database.exec(
    'CREATE TABLE IF NOT EXISTS migrations (owner TEXT, name TEXT, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL, PRIMARY KEY (owner, name))',
  );
  const rows = database.prepare('SELECT name, checksum FROM migrations WHERE owner = ?').raw().all(owner);
  return new Map(rows as [name: string, checksum: string][]);
}

function refuseChangedHistory(owner: string, migrations: readonly Migration[], applied: ReadonlyMap<string, string>): void {
  const known = new Map(migrations.map((migration) => [migration.name, migration.checksum]));
  for (const [name, checksum] of applied) {
    if (!known.has(name))
      throw new MigrationFailed(`the database has the migration ${owner}/${name}, which this version does not know: it was made by a newer version`);
    if (known.get(name) !== checksum) throw new MigrationFailed(`the migration ${owner}/${name} was changed after it had been applied`);
  }
}

function applyAll(database: Database, owner: string, pending: readonly Migration[]): void {
  const record = database.prepare("INSERT INTO migrations (owner, name, checksum, applied_at) VALUES (?, ?, ?, unixepoch('subsec') * 1000)");
  for (const { name, sql, checksum } of pending) {
    try {
      for (const statement of sql.split('--> statement-breakpoint')) database.exec(statement);
    } catch (cause) {
      throw new MigrationFailed(`cannot apply the migration ${owner}/${name}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
    record.run(owner, name, checksum);
  }
  const dangling = database.prepare('SELECT "table", parent FROM pragma_foreign_key_check').raw().all() as [table: string, parent: string][];
  const [first] = dangling;
  if (first) throw new MigrationFailed(`migrating ${owner} would leave ${dangling.length} rows without what they refer to (${first.join(' → ')})`);
}
