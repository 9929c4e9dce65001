import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Db, openDb } from '../../../core/db/open.ts';
import { createTemporaryDb, type TemporaryDb } from './temporary.ts';

describe('what the database remembers', () => {
  let temporary: TemporaryDb;
  let db: Db;
  beforeEach(() => {
    temporary = createTemporaryDb();
    db = temporary.db;
  });
  afterEach(() => temporary[Symbol.dispose]());

  it('is loaded once until something is committed, by this process or another', async () => {
    let loads = 0;
    const ask = () => db.remembered('rows', async () => (loads += 1));
    expect([await ask(), await ask()]).toEqual([1, 1]);
    await temporary.insert();
    expect([await ask(), await ask()]).toEqual([2, 2]);
    const other = openDb(temporary.directory);
    await temporary.insert(other);
    other.close();
    expect([await ask(), await ask()]).toEqual([3, 3]);
  });

  it('is not kept when something was committed while it was loaded', async () => {
    expect(
      await db.remembered('rows', async () => {
        await temporary.insert();
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
