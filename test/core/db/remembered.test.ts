import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Db, openDb } from '../../../core/db/open.ts';

describe('what the database remembers', () => {
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

  const insert = (into: Db) => into.transaction(async () => void into.writer.exec('INSERT INTO t VALUES (1)'));

  it('is loaded once until something is committed, by this process or another', async () => {
    let loads = 0;
    const ask = () => db.remembered('rows', async () => (loads += 1));
    expect([await ask(), await ask()]).toEqual([1, 1]);
    await insert(db);
    expect([await ask(), await ask()]).toEqual([2, 2]);
    const other = openDb(directory);
    await insert(other);
    other.close();
    expect([await ask(), await ask()]).toEqual([3, 3]);
  });

  it('is not kept when something was committed while it was loaded', async () => {
    expect(
      await db.remembered('rows', async () => {
        await insert(db);
        return 'old';
      }),
    ).toBe('old');
    expect(await db.remembered('rows', async () => 'new')).toBe('new');
  });

  it('is bounded, the oldest goes first', async () => {
    for (let index = 0; index <= 100; index += 1) await db.remembered(`key ${index}`, async () => index);
    expect(await db.remembered('key 0', async () => 'loaded again')).toBe('loaded again');
    expect(await db.remembered('key 100', async () => 'loaded again')).toBe(100);
  });
});
