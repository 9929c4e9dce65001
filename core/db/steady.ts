import { nextTurn } from '../system/turn.ts';
import type { Db } from './open.ts';

const TRIES = 3;

/**
 * What `read` answers when nobody has committed anything meanwhile. It lets others have their turn with the function it is
 * given; when somebody keeps writing, the last try does not.
 */
export async function steady<T>(db: Pick<Db, 'revision'>, read: (turn: () => Promise<void>) => Promise<T>): Promise<T> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const revision = db.revision();
    const answer = await read(nextTurn);
    if (db.revision() === revision) return answer;
  }
  return read(async () => {});
}
