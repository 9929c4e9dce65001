import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Db, openDb } from '../../../core/db/open.ts';

/** A database of its own with the table `t (n)`. */
export interface TemporaryDb extends Disposable {
  readonly directory: string;
  readonly db: Db;
  insert(into?: Db): Promise<void>;
}

export function createTemporaryDb(): TemporaryDb {
  const directory = mkdtempSync(join(tmpdir(), 'wiregui-db-'));
  const db = openDb(directory);
  db.writer.exec('CREATE TABLE t (n)');
  return {
    directory,
    db,
    insert: (into = db) => into.transaction(async () => void into.writer.exec('INSERT INTO t VALUES (1)')),
    [Symbol.dispose]() {
      db.close();
      rmSync(directory, { recursive: true });
    },
  };
}
