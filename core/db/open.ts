import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type BetterSQLite3Database, drizzle } from 'drizzle-orm/better-sqlite3';
import { Unavailable } from '../errors.ts';

type Drizzle = BetterSQLite3Database;

/** Queries that change nothing. */
export type ReadQueries = Pick<Drizzle, 'select' | 'selectDistinct' | '$count'>;

/** All queries; handed out inside a transaction only. */
export type Queries = ReadQueries & Pick<Drizzle, 'insert' | 'update' | 'delete'>;

export interface Db extends ReadQueries {
  /**
   * Runs `work` in one transaction (BEGIN IMMEDIATE) on the only writing connection, after those that came before.
   * Await nothing but queries inside: everybody else who writes is waiting. Committed is on disk (synchronous=FULL).
   */
  transaction<T>(work: (tx: Queries) => Promise<T>): Promise<T>;
  /**
   * Runs `work`, whose first transaction begins with `check`: nobody else can write any more. What `check` throws undoes the
   * transaction. It may only read.
   */
  onlyIf<T>(check: () => Promise<void>, work: () => Promise<T>): Promise<T>;
  /** What `load` answered under this key, until anybody commits anything. The answer is shared: nobody may change it. */
  remembered<T>(key: string, load: () => Promise<T>): Promise<T>;
  /** Changes whenever anybody has committed. */
  revision(): number;
  /** Changes whenever another process has committed (sqlite.org/pragma.html#pragma_data_version). */
  foreignVersion(): number;
  /** The file behind it, for migrations and backups. */
  readonly writer: Database.Database;
  close(): void;
}

export const DATABASE_FILE = 'wiregui.db';

/** Opens (or makes) `wiregui.db` in the folder, 0700. Throws Unavailable when it cannot be used. */
export function openDb(directory: string): Db {
  const file = join(directory, DATABASE_FILE);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const writer = connect(file);
    // A reader must not be read-only at file level: WAL's shared memory has to be writable (sqlite.org/wal.html).
    const reader = connect(file);
    setPragma(reader, 'query_only = ON');
    return createDb(writer, reader);
  } catch (cause) {
    throw new Unavailable(`cannot open the database ${file}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

function connect(file: string): Database.Database {
  const connection = new Database(file, { timeout: 5_000 });
  for (const setting of ['journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON', 'trusted_schema = OFF']) setPragma(connection, setting);
  keepPrepared(connection);
  return connection;
}

const MOST_PREPARED = 500;

/**
 * drizzle prepares a statement for each query it runs. The texts are few and parametrized, and preparing costs more time
 * and memory than running them. All answer arrays (`raw`), so that sharing a statement changes nothing for anybody.
 */
function keepPrepared(connection: Database.Database): void {
  const prepared = new Map<string, Database.Statement>();
  const prepare = connection.prepare.bind(connection);
  connection.prepare = ((text: string) => {
    const known = prepared.get(text);
    if (known) return known;
    const statement = prepare(text);
    if (prepared.size < MOST_PREPARED) prepared.set(text, statement);
    return statement;
  }) as typeof connection.prepare;
}

/**
 * better-sqlite3 makes a function from text for each query that answers objects, which production forbids
 * (--disallow-code-generation-from-strings). Plain values and arrays (`raw`, `pluck`, `simple`) do without; so does drizzle.
 */
export function setPragma(connection: Database.Database, setting: string): void {
  connection.pragma(setting, { simple: true });
}

function createDb(writer: Database.Database, reader: Database.Database): Db {
  const writing = drizzle(writer, { casing: 'snake_case' });
  const reading = drizzle(reader, { casing: 'snake_case' });
  const checks = new AsyncLocalStorage<Check>();
  // The reader's data_version changes with every commit of the writer or of another process, and costs two microseconds.
  const version = reader.prepare('PRAGMA data_version').pluck();
  const revision = () => Number(version.get());
  let last: Promise<unknown> = Promise.resolve();

  async function carryOut(check: Check | undefined): Promise<void> {
    if (check?.state !== 'waiting') return;
    check.state = 'running';
    await check.run();
    check.state = 'done';
  }

  async function transact<T>(work: (tx: Queries) => Promise<T>): Promise<T> {
    writer.exec('BEGIN IMMEDIATE');
    try {
      await carryOut(checks.getStore());
      const result = await work(writing);
      writer.exec('COMMIT');
      return result;
    } catch (error) {
      if (writer.inTransaction) writer.exec('ROLLBACK');
      throw error;
    }
  }

  return {
    select: reading.select.bind(reading) as Drizzle['select'],
    selectDistinct: reading.selectDistinct.bind(reading) as Drizzle['selectDistinct'],
    $count: reading.$count,
    transaction(work) {
      // It would wait for itself.
      if (checks.getStore()?.state === 'running') throw new Error('a check must not write');
      const turn = last.then(() => transact(work));
      last = turn.catch(() => undefined);
      return turn;
    },
    async onlyIf(run, work) {
      const check: Check = { run, state: 'waiting' };
      const result = await checks.run(check, work);
      // Nothing was written, so nothing was checked.
      if (check.state === 'waiting') await run();
      return result;
    },
    remembered: createMemory(revision),
    revision,
    foreignVersion: () => Number(writer.pragma('data_version', { simple: true })),
    writer,
    close() {
      reader.close();
      writer.close();
    },
  };
}

interface Check {
  readonly run: () => Promise<void>;
  state: 'waiting' | 'running' | 'done';
}

const MOST_REMEMBERED = 100;

function createMemory(revision: () => number): Db['remembered'] {
  const answers = new Map<string, unknown>();
  let rememberedAt: unknown;

  return async <T>(key: string, load: () => Promise<T>): Promise<T> => {
    const now = revision();
    if (now !== rememberedAt) answers.clear();
    rememberedAt = now;
    if (answers.has(key)) return answers.get(key) as T;
    const answer = await load();
    // Something may have been committed meanwhile.
    if (now !== rememberedAt || now !== revision()) return answer;
    const [oldest] = answers.keys();
    if (answers.size >= MOST_REMEMBERED && oldest !== undefined) answers.delete(oldest);
    answers.set(key, answer);
    return answer;
  };
}
