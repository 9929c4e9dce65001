import { and, count, eq, getTableColumns, gt, inArray, isNotNull, isNull, like, or, sql } from 'drizzle-orm';
import type { ReadQueries } from '../db/open.ts';
import { after, type Listed, orderOf, type Page, pageOf, type Term } from '../db/paging.ts';
import { devices } from '../devices/tables.ts';
import type { UserId } from '../net/inputs.ts';
import { type Role, sessions, users } from './tables.ts';

export type User = typeof users.$inferSelect;
export type UserInList = User & { readonly deviceCount: number };

export interface ListQuery extends Page {
  readonly q?: string | undefined;
  /** A column's name, with `-` before it for descending. */
  readonly sort?: string | undefined;
}

export interface UserQuery extends ListQuery {
  readonly role?: Role | undefined;
  readonly status?: 'enabled' | 'disabled' | undefined;
}

const DEVICE_COUNT = sql<number>`(select count(*) from ${devices} where ${eq(devices.userId, users.id)})`;
const IN_LIST = { ...getTableColumns(users), deviceCount: DEVICE_COUNT };
const ID: Term<UserInList> = { by: users.id, of: ({ id }) => id };
const SORTS: Readonly<Record<string, Term<UserInList>>> = {
  email: { by: users.email, of: ({ email }) => email },
  role: { by: users.role, of: ({ role }) => role },
  lastSignedInAt: { by: users.lastSignedInAt, of: ({ lastSignedInAt }) => lastSignedInAt },
  lastSignedInMethod: { by: users.lastSignedInMethod, of: ({ lastSignedInMethod }) => lastSignedInMethod },
  deviceCount: { by: DEVICE_COUNT, of: ({ deviceCount }) => deviceCount },
  disabledAt: { by: users.disabledAt, of: ({ disabledAt }) => disabledAt },
  createdAt: { by: users.createdAt, of: ({ createdAt }) => createdAt },
};
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

/** Whether an enabled administrator has signed in by one of these methods: last time, or in a session that is still alive. */
export async function hasAdminUsed(db: ReadQueries, methods: readonly string[], now: Date): Promise<boolean> {
  const used = or(
    inArray(users.lastSignedInMethod, [...methods]),
    inArray(
      users.id,
      db
        .select({ id: sql<UserId>`${sessions.userId}` })
        .from(sessions)
        .where(and(inArray(sessions.method, [...methods]), gt(sessions.expiresAt, now))),
    ),
  );
  const [row] = await db
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.role, 'admin'), isNull(users.disabledAt), used))
    .limit(1);
  return row !== undefined;
}

export async function usersByIds(db: ReadQueries, ids: readonly string[]): Promise<readonly UserInList[]> {
  return db
    .select(IN_LIST)
    .from(users)
    .where(inArray(users.id, ids as readonly UserId[]))
    .orderBy(users.email);
}

export async function listUsers(db: ReadQueries, query: UserQuery): Promise<Listed<UserInList>> {
  const where = and(
    query.q ? like(users.email, containing(query.q)) : undefined,
    query.role ? eq(users.role, query.role) : undefined,
    query.status ? (query.status === 'enabled' ? isNull : isNotNull)(users.disabledAt) : undefined,
  );
  const order = [sorted(SORTS, query.sort, 'email'), ID];
  const found = await db
    .select(IN_LIST)
    .from(users)
    .where(and(where, after(order, query.cursor)))
    .orderBy(...orderOf(order))
    .limit(query.limit + 1)
    .offset(query.offset ?? 0);
  const [row] = await db.select({ total: count() }).from(users).where(where);
  return { ...pageOf(order, found, query.limit), total: row?.total ?? 0 };
}

/** A LIKE pattern for text that contains `q`; `%` and `_` stand for anything, which only widens a search. */
export function containing(q: string): string {
  return `%${q}%`;
}

/** The term that `sort` names (`email`, `-email`), or the one that is usual. */
export function sorted<Item>(sorts: Readonly<Record<string, Term<Item>>>, sort: string | undefined, usual: string): Term<Item> {
  const term = sorts[sort?.replace(/^-/, '') ?? usual] ?? sorts[usual];
  if (term === undefined) throw new TypeError(`no such order: ${usual}`);
  return sort?.startsWith('-') ? { ...term, isDescending: true } : term;
}
