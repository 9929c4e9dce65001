import { and, asc, count, eq, isNotNull, isNull, like, notExists, sql } from 'drizzle-orm';
import { identities, type Queries, type ReadQueries, type UserId, users } from '#core';
import { connections, providers } from './tables.ts';

export type Provider = typeof providers.$inferSelect;
export type Connection = typeof connections.$inferSelect;

/** A token that is due to be renewed, with whom it belongs to. */
export interface DueConnection {
  readonly connection: Pick<Connection, 'id' | 'userId' | 'refreshToken' | 'failures'>;
  readonly email: string;
}

/** What sessions call the method, and identities the provider. */
export const methodOf = (providerId: string) => `oidc:${providerId}`;

export async function allProviders(db: ReadQueries): Promise<readonly Provider[]> {
  return db.select().from(providers).orderBy(asc(providers.label), asc(providers.id));
}

export async function enabledProviders(db: ReadQueries): Promise<readonly Provider[]> {
  return (await allProviders(db)).filter(({ enabled }) => enabled);
}

export async function providerById(db: ReadQueries, id: string): Promise<Provider | null> {
  const [provider] = await db.select().from(providers).where(eq(providers.id, id));
  return provider ?? null;
}

/** How many identities are connected, by provider. */
export async function identityCounts(db: ReadQueries): Promise<ReadonlyMap<string, number>> {
  const rows = await db
    .select({ provider: identities.provider, total: count() })
    .from(identities)
    .where(like(identities.provider, 'oidc:%'))
    .groupBy(identities.provider);
  return new Map(rows.map(({ provider, total }) => [provider.slice('oidc:'.length), total]));
}

/** The methods (`oidc:google`) that the user has connected. */
export async function connectedMethods(db: ReadQueries, userId: UserId): Promise<ReadonlySet<string>> {
  const rows = await db.select({ provider: identities.provider }).from(identities).where(eq(identities.userId, userId));
  return new Set(rows.map(({ provider }) => provider));
}

export async function connectionOf(db: ReadQueries, userId: UserId, provider: string): Promise<Connection | null> {
  const [connection] = await db
    .select()
    .from(connections)
    .where(and(eq(connections.userId, userId), eq(connections.provider, provider)));
  return connection ?? null;
}

export async function connectionById(db: ReadQueries, id: string): Promise<Connection | null> {
  const [connection] = await db.select().from(connections).where(eq(connections.id, id));
  return connection ?? null;
}

/** Tokens of enabled users that this provider may be asked to renew, the longest unasked first. */
export async function dueConnections(db: ReadQueries, provider: string): Promise<readonly DueConnection[]> {
  const { id, userId, refreshToken, failures } = connections;
  return db
    .select({ connection: { id, userId, refreshToken, failures }, email: users.email })
    .from(connections)
    .innerJoin(users, eq(users.id, connections.userId))
    .where(and(eq(connections.provider, provider), isNotNull(connections.refreshToken), isNull(users.disabledAt)))
    .orderBy(asc(connections.refreshedAt));
}

/** Forgets what is kept of people who have disconnected the provider from their account. */
export async function removeDisconnected(tx: Queries): Promise<void> {
  const isTheirs = and(eq(identities.userId, connections.userId), eq(identities.provider, sql`'oidc:' || ${connections.provider}`));
  await tx.delete(connections).where(notExists(tx.select({ id: identities.id }).from(identities).where(isTheirs)));
}
