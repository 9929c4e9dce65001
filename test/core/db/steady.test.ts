import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { steady } from '../../../core/db/steady.ts';
import { createTemporaryDb, type TemporaryDb } from './temporary.ts';

describe('a long reading', () => {
  let temporary: TemporaryDb;
  beforeEach(() => {
    temporary = createTemporaryDb();
  });
  afterEach(() => temporary[Symbol.dispose]());

  const count = () => temporary.db.writer.prepare('SELECT count(*) FROM t').pluck().get();

  it('is of one moment, although others write while it lets them have their turn', async () => {
    let isFirst = true;
    const [one, other] = await steady(temporary.db, async (turn) => {
      const before = count();
      const writing = isFirst ? temporary.insert() : undefined;
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
    await steady(temporary.db, async (turn) => {
      readings += 1;
      const writing = temporary.insert();
      const hadTurn = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
        turns += 1;
      });
      await turn();
      if (readings <= 3) await Promise.all([writing, hadTurn]);
    });
    expect([readings, turns]).toEqual([4, 3]);
  });
});
