import { and, asc, count, desc, eq, inArray, isNull, like, type SQL, sql } from 'drizzle-orm';
import type { ReadQueries } from '../db/open.ts';
import { devices } from '../devices/tables.ts';
import type { UserId } from '../net/inputs.ts';
import { users } from './tables.ts';

export type User = typeof users.$inferSelect;
export type UserInList = User & { readonly deviceCount: number };

export interface ListQuery {
  readonly q?: string | undefined;
  /** A column's name, with `-` before it for descending. */
  readonly sort?: string | undefined;
  readonly limit: number;
  readonly offset: number;
}

export interface Listed<T> {
  readonly items: readonly T[];
  readonly total: number;
}

const SORTS = { email: users.email, role: users.role, lastSignedInAt: users.lastSignedInAt, createdAt: users.createdAt } as const;
export const USER_SORTS = Object.keys(SORTS);

export async function userById(db: ReadQueries, id: string): Promise<User | null> {
  const [user] = await db
    .select()
    .from(users)
    .where(eq(users.id, id as UserId));
  return user ?? null;
}

export async function userByEmail(db: ReadQueries, email: string): Promise<User | null> {
  const [user] = await db.select().from(users).where(eq(users.email, email.toLowerCase()));
  return user ?? null;
}

export async function hasAdmin(db: ReadQueries): Promise<boolean> {
  const [row] = await db.select({ id: users.id }).from(users).where(eq(users.role, 'admin')).limit(1);
  return row !== undefined;
}

/** How many enabled administrators there are beside this user. */
export async function otherAdmins(db: ReadQueries, id: UserId): Promise<number> {
  const [row] = await db
    .select({ others: count() })
    .from(users)
    .where(and(eq(users.role, 'admin'), isNull(users.disabledAt), sql`${users.id} <> ${id}`));
  return row?.others ?? 0;
}

export async function listUsers(db: ReadQueries, query: ListQuery): Promise<Listed<UserInList>> {
  const where = query.q ? like(users.email, containing(query.q)) : undefined;
  const items = await db
    .select()
    .from(users)
    .where(where)
    .orderBy(orderBy(SORTS, query.sort, asc(users.email)), asc(users.id))
    .limit(query.limit)
    .offset(query.offset);
  const ids = items.map((user) => user.id);
  const counts = await db.select({ userId: devices.userId, devices: count() }).from(devices).where(inArray(devices.userId, ids)).groupBy(devices.userId);
  const byUser = new Map(counts.map((row) => [row.userId, row.devices]));
  const [row] = await db.select({ total: count() }).from(users).where(where);
  return { items: items.map((user) => ({ ...user, deviceCount: byUser.get(user.id) ?? 0 })), total: row?.total ?? 0 };
}

/** A LIKE pattern for text that contains `q`; `%` and `_` stand for anything, which only widens a search. */
export function containing(q: string): string {
  return `%${q}%`;
}

/** The order that `sort` names (`email`, `-email`), or the given one when it names none of the columns. */
export function orderBy(columns: Readonly<Record<string, Parameters<typeof asc>[0]>>, sort: string | undefined, otherwise: SQL): SQL {
  const column = sort === undefined ? undefined : columns[sort.replace(/^-/, '')];
  if (column === undefined) return otherwise;
  return sort?.startsWith('-') ? desc(column) : asc(column);
}
