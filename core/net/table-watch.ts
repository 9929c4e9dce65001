import { messageOf } from '../errors.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { Kernel } from './kernel.ts';
import { digestOf, isMarked, markBatch } from './mark.ts';
import type { Observed } from './plan.ts';
import type { Ruleset } from './ruleset.ts';

interface TableWatchParts {
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly log: Log;
  readonly note: (what: string) => void;
}

/** Knows whether our table is still as we left it, and looks as seldom as that allows: listing 10,000 users takes 1.6 s. */
export interface TableWatch {
  /** Somebody may have changed the table: have it listed before it is next relied on. */
  suspect(): void;
  /** The same by the clock, however little of the time listing may take. */
  suspectWhenDue(): void;
  /** What the table holds, beginning from what we believe it does; `ruleset` null when that cannot be known. */
  look(wanted: Ruleset, applied: Ruleset | null): Promise<Pick<Observed, 'ruleset' | 'listing'>>;
  /** Remembers, and marks in the kernel for the next start, how the table is now that this ruleset is applied. */
  left(ruleset: Ruleset): void;
  isSettling(): boolean;
  isSuspect(): boolean;
}

/** Of a hundred seconds so many at most go into listing by the clock. */
const MOST_TIME_PERCENT = 2;

export function createTableWatch({ kernel, clock, log, note }: TableWatchParts): TableWatch {
  let isSuspect = false;
  let leftDigest: Promise<string | null> = Promise.resolve(null);
  let newest = 0;
  let settling = 0;
  let notDueBefore = 0;

  async function list(): Promise<string | null> {
    const beganAt = clock.now().getTime();
    const listing = await kernel.listing();
    const endedAt = clock.now().getTime();
    notDueBefore = endedAt + ((endedAt - beganAt) * 100) / MOST_TIME_PERCENT;
    return listing;
  }

  async function settle(ruleset: Ruleset, turn: number): Promise<string | null> {
    // Only the last of several changes is worth a listing.
    if (turn !== newest) return null;
    settling += 1;
    try {
      const listing = await list();
      if (turn !== newest || listing === null) return null;
      const batch = await markBatch(listing, ruleset);
      if (batch !== '') await kernel.applyBatch(batch);
      return digestOf(listing);
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'nft table could not be marked; the next start replaces it');
      return null;
    } finally {
      settling -= 1;
    }
  }

  return {
    isSettling: () => settling > 0,
    isSuspect: () => isSuspect,
    suspect() {
      isSuspect = true;
    },
    suspectWhenDue() {
      if (clock.now().getTime() >= notDueBefore) isSuspect = true;
    },
    async look(wanted, applied) {
      if (applied !== null && !isSuspect) return { ruleset: applied, listing: null };
      isSuspect = false;
      const expected = await leftDigest;
      const listing = await list();
      if (applied !== null && expected !== null) {
        if (digestOf(listing) === expected) return { ruleset: applied, listing };
        note('the nft table inet wiregui was changed');
      } else if (listing !== null && (await isMarked(listing, wanted))) {
        leftDigest = Promise.resolve(digestOf(listing));
        return { ruleset: wanted, listing };
      }
      return { ruleset: null, listing };
    },
    left(ruleset) {
      newest += 1;
      // Not awaited: with ten thousand users listing takes longer than changing.
      const turn = newest;
      leftDigest = leftDigest.then(() => settle(ruleset, turn));
    },
  };
}
