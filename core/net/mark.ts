import { createHash } from 'node:crypto';
import { nextTurn } from '../system/turn.ts';
import type { Ruleset } from './ruleset.ts';

/** An empty chain whose name says what our table held when we left it: it lives and dies with the table, as no file does. */
const MARK = /\n?\tchain (applied_[0-9a-f]{32}) \{\n\t\}\n/g;

/** Whether the table, as nft lists it now, is just as it was after this ruleset was applied. */
export async function isMarked(listing: string, ruleset: Ruleset): Promise<boolean> {
  return marksIn(listing).includes(await markOf(listing, ruleset));
}

/** The batch that marks the table, listed as it is now, as holding this ruleset; empty when it is marked so already. */
export async function markBatch(listing: string, ruleset: Ruleset): Promise<string> {
  const mark = await markOf(listing, ruleset);
  const present = marksIn(listing);
  if (present.length === 1 && present[0] === mark) return '';
  const lines = [...present.map((stale) => `delete chain inet wiregui ${stale}`), `add chain inet wiregui ${mark}`];
  return `${lines.join('\n')}\n`;
}

/** Whether a line of `nft monitor` tells only of a mark. */
export function isOfMark(line: string): boolean {
  return / chain inet wiregui applied_[0-9a-f]{32}/.test(line);
}

/** What a listing says beside its marks. */
export function digestOf(listing: string | null): string {
  return createHash('sha256')
    .update((listing ?? '').replace(MARK, ''))
    .digest('hex');
}

function marksIn(listing: string): readonly string[] {
  return [...listing.matchAll(MARK)].map(([, mark = '']) => mark);
}

const HASHED_AT_ONCE = 500;

async function markOf(listing: string, { chains, users }: Ruleset): Promise<string> {
  const hash = createHash('sha256').update(digestOf(listing));
  // In what order the parts came is no matter.
  hash.update(JSON.stringify([...chains].sort(([a], [b]) => (a < b ? -1 : 1))));
  const ids = [...users.keys()].sort();
  for (let from = 0; from < ids.length; from += HASHED_AT_ONCE) {
    await nextTurn();
    hash.update(JSON.stringify(ids.slice(from, from + HASHED_AT_ONCE).map((id) => [id, users.get(id)])));
  }
  return `applied_${hash.digest('hex').slice(0, 32)}`;
}
