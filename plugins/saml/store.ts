import { and, asc, eq, gt, lt } from 'drizzle-orm';
import { type Host, hashToken, identities, type Queries, type ReadQueries, randomToken, type UserId } from '#core';
import type { Person } from './person.ts';
import { samlAnswers, samlAssertions, samlKeys, samlProviders, samlRequests } from './tables.ts';

export type Provider = typeof samlProviders.$inferSelect;
export type StoredKey = typeof samlKeys.$inferSelect;

export async function allProviders(db: ReadQueries): Promise<readonly Provider[]> {
  return db.select().from(samlProviders).orderBy(asc(samlProviders.label), asc(samlProviders.id));
}

export async function providerById(db: ReadQueries, id: string): Promise<Provider | null> {
  const [provider] = await db.select().from(samlProviders).where(eq(samlProviders.id, id));
  return provider ?? null;
}

export async function keysOf(db: ReadQueries): Promise<readonly StoredKey[]> {
  return db.select().from(samlKeys).orderBy(asc(samlKeys.state));
}

/** The methods whose identities somebody has connected already. */
export async function connectedMethods(db: ReadQueries, userId: UserId): Promise<ReadonlySet<string>> {
  const rows = await db.select({ method: identities.provider }).from(identities).where(eq(identities.userId, userId));
  return new Set(rows.map(({ method }) => method));
}

/** What is remembered of a sign-in on its way, in the database so that a restart forgets nothing. */
export interface Exchange {
  /** Remembers a request until its answer comes, at most so long. */
  expect(requestId: string, providerId: string, forMs: number): Promise<void>;
  /** Whether the provider has been asked this, and has not answered yet. */
  isExpected(requestId: string, providerId: string): Promise<boolean>;
  /** Takes an answer in, once; the ticket is for the browser that began. Null when its request or assertion was used before. */
  accept(answer: Answer, forMs: number): Promise<string | null>;
  /** Who the answer is about, once. */
  collect(ticket: string): Promise<{ readonly requestId: string; readonly providerId: string; readonly person: Person } | null>;
  removeExpired(): Promise<void>;
}

export interface Answer {
  readonly requestId: string;
  readonly providerId: string;
  readonly assertion: { readonly issuer: string; readonly id: string; readonly usableUntil: Date };
  readonly person: Person;
}

export function createExchange({ db, clock }: Pick<Host, 'db' | 'clock'>): Exchange {
  const inFuture = (forMs: number) => new Date(clock.now().getTime() + forMs);
  const isWaiting = (requestId: string, providerId: string) =>
    and(eq(samlRequests.id, requestId), eq(samlRequests.providerId, providerId), gt(samlRequests.expiresAt, clock.now()));

  /** Whether the assertion is new here. */
  async function markUsed(tx: Queries, { issuer, id, usableUntil }: Answer['assertion']): Promise<boolean> {
    const now = clock.now();
    const values = { issuer, assertionId: id, expiresAt: usableUntil, createdAt: now, updatedAt: now };
    const rows = await tx.insert(samlAssertions).values(values).onConflictDoNothing().returning({ id: samlAssertions.id });
    return rows.length > 0;
  }

  return {
    expect: (id, providerId, forMs) =>
      db.transaction(async (tx) => {
        await tx.insert(samlRequests).values({ id, providerId, expiresAt: inFuture(forMs) });
      }),
    async isExpected(requestId, providerId) {
      const rows = await db.select({ id: samlRequests.id }).from(samlRequests).where(isWaiting(requestId, providerId));
      return rows.length > 0;
    },
    accept: ({ requestId, providerId, assertion, person }, forMs) =>
      db.transaction(async (tx) => {
        const asked = await tx.delete(samlRequests).where(isWaiting(requestId, providerId)).returning();
        if (asked.length === 0 || !(await markUsed(tx, assertion))) return null;
        const ticket = randomToken();
        await tx.insert(samlAnswers).values({ hash: hashToken(ticket), requestId, providerId, person, expiresAt: inFuture(forMs) });
        return ticket;
      }),
    collect: (ticket) =>
      db.transaction(async (tx) => {
        const isThis = and(eq(samlAnswers.hash, hashToken(ticket)), gt(samlAnswers.expiresAt, clock.now()));
        const [row] = await tx.delete(samlAnswers).where(isThis).returning();
        return row ? { requestId: row.requestId, providerId: row.providerId, person: row.person as Person } : null;
      }),
    removeExpired: () =>
      db.transaction(async (tx) => {
        const now = clock.now();
        for (const table of [samlRequests, samlAssertions, samlAnswers]) await tx.delete(table).where(lt(table.expiresAt, now));
      }),
  };
}
