import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Db, openDb } from '../../../core/db/open.ts';
import { steady } from '../../../core/db/steady.ts';

describe('a long reading', () => {
  let directory: string;
  let db: Db;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'wiregui-db-'));
    db = openDb(directory);
    db.writer.exec('CREATE TABLE t (n)');
  });
  afterEach(() => {
    db.close();
    rmSync(directory, { recursive: true });
  });

  const insert = () => db.transaction(async () => void db.writer.exec('INSERT INTO t VALUES (1)'));
  const count = () => db.writer.prepare('SELECT count(*) FROM t').pluck().get();

  it('is of one moment, although others write while it lets them have their turn', async () => {
    let isFirst = true;
    const [one, other] = await steady(db, async (turn) => {
      const before = count();
      const writing = isFirst ? insert() : undefined;
      isFirst = false;
      await turn();
      await writing;
      return [before, count()];
    });
    expect([one, other]).toEqual([1, 1]);
  });

  it('lets nobody have a turn any more when somebody keeps writing', async () => {
    let readings = 0;
    let turns = 0;
    await steady(db, async (turn) => {
      readings += 1;
      const writing = insert();
      const hadTurn = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
        turns += 1;
      });
      await turn();
      if (readings <= 3) await Promise.all([writing, hadTurn]);
    });
    expect([readings, turns]).toEqual([4, 3]);
  });
});
