import { and, eq, gt, lt } from 'drizzle-orm';
import type { Db } from '../db/open.ts';
import type { Clock } from '../system/clock.ts';
import { hashToken, randomToken } from '../system/secrets.ts';
import { signInFlows } from './tables.ts';

/** What a sign-in under way must remember until it comes back: states, nonces, challenges. */
export interface Flows {
  /** Keeps the data for so long; the answer is the ticket to get it with. */
  hold(kind: string, data: unknown, forMs: number): Promise<string>;
  /** The data, once: a second try, a ticket of another kind and one that is too old give null. */
  take(kind: string, ticket: string): Promise<unknown>;
  removeExpired(): Promise<void>;
}

export function createFlows(db: Db, clock: Clock): Flows {
  return {
    async hold(kind, data, forMs) {
      const ticket = randomToken();
      await db.transaction(async (tx) => {
        await tx.insert(signInFlows).values({ hash: hashToken(ticket), kind, data, expiresAt: new Date(clock.now().getTime() + forMs) });
      });
      return ticket;
    },
    take: (kind, ticket) =>
      db.transaction(async (tx) => {
        const isThis = and(eq(signInFlows.hash, hashToken(ticket)), eq(signInFlows.kind, kind), gt(signInFlows.expiresAt, clock.now()));
        const [row] = await tx.delete(signInFlows).where(isThis).returning();
        return row?.data ?? null;
      }),
    removeExpired: () =>
      db.transaction(async (tx) => {
        await tx.delete(signInFlows).where(lt(signInFlows.expiresAt, clock.now()));
      }),
  };
}
