import { eq, inArray, lt, sql } from 'drizzle-orm';
import type { Db, Queries } from '../db/open.ts';
import { TooManyRequests } from '../errors.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';
import { signInAttempts } from './tables.ts';

/**
 * Counts guesses in the database, before they are checked, so that parallel and restarted guessing counts too.
 * A library would need a second writing connection, which deadlocks with our one-writer queue.
 */
export interface Throttle {
  /** Counts one attempt on the account from the address. Throws TooManyRequests when it is one too many. */
  attempt(account: string, address: string): Promise<void>;
  /** The attempt was right: it does not count, the pair's wrong ones are forgotten, and the account is known to use this address. */
  succeeded(account: string, address: string): Promise<void>;
  removeExpired(): Promise<void>;
}

interface Limit {
  readonly attempts: number;
  readonly windowMs: number;
}

const MINUTE_MS = 60_000;
const LIMITS = {
  pair: { attempts: 10, windowMs: 15 * MINUTE_MS },
  address: { attempts: 60, windowMs: 15 * MINUTE_MS },
  // Spread over many addresses. Addresses the owner is known to use are exempt, so that guesses cannot lock the owner out.
  account: { attempts: 100, windowMs: 60 * MINUTE_MS },
} as const satisfies Record<string, Limit>;
const KNOWN_FOR_MS = 90 * 24 * 60 * MINUTE_MS;

export function createThrottle(db: Db, clock: Clock): Throttle {
  async function count(tx: Queries, key: string, limit: Limit): Promise<void> {
    const now = clock.now();
    const [row] = await tx.select().from(signInAttempts).where(eq(signInAttempts.key, key));
    const current = row !== undefined && row.expiresAt > now ? row : { count: 0, expiresAt: new Date(now.getTime() + limit.windowMs) };
    if (current.count >= limit.attempts) {
      const waitMs = current.expiresAt.getTime() - now.getTime();
      throw new TooManyRequests(en.signIn.throttled(Math.ceil(waitMs / MINUTE_MS)), Math.ceil(waitMs / 1_000));
    }
    const next = { count: current.count + 1, expiresAt: current.expiresAt };
    await tx
      .insert(signInAttempts)
      .values({ key, ...next })
      .onConflictDoUpdate({ target: signInAttempts.key, set: next });
  }

  return {
    attempt: (account, address) =>
      db.transaction(async (tx) => {
        const network = networkOf(address);
        const [known] = await tx
          .select()
          .from(signInAttempts)
          .where(eq(signInAttempts.key, `known:${account}|${network}`));
        await count(tx, `pair:${account}|${network}`, LIMITS.pair);
        await count(tx, `address:${network}`, LIMITS.address);
        if (!known) await count(tx, `account:${account}`, LIMITS.account);
      }),
    succeeded: (account, address) =>
      db.transaction(async (tx) => {
        const network = networkOf(address);
        await tx.delete(signInAttempts).where(eq(signInAttempts.key, `pair:${account}|${network}`));
        const shared = inArray(signInAttempts.key, [`address:${network}`, `account:${account}`]);
        await tx
          .update(signInAttempts)
          .set({ count: sql`${signInAttempts.count} - 1` })
          .where(shared);
        const known = { count: 0, expiresAt: new Date(clock.now().getTime() + KNOWN_FOR_MS) };
        await tx
          .insert(signInAttempts)
          .values({ key: `known:${account}|${network}`, ...known })
          .onConflictDoUpdate({ target: signInAttempts.key, set: known });
      }),
    removeExpired: () =>
      db.transaction(async (tx) => {
        await tx.delete(signInAttempts).where(lt(signInAttempts.expiresAt, clock.now()));
      }),
  };
}

/** One household has a whole /64 of IPv6 addresses, so they count as one (RFC 6177). */
function networkOf(address: string): string {
  return address.includes(':') && !address.startsWith('::ffff:') ? address.split(':').slice(0, 4).join(':') : address;
}
