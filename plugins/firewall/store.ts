import { and, asc, count, eq, getTableColumns, inArray, isNull, like, or, sql } from 'drizzle-orm';
import { after, containing, type FragmentKey, type Listed, orderOf, type Page, pageOf, type ReadQueries, type Term, type UserId, users } from '#core';
import { assertions, rules } from './tables.ts';

export type Rule = typeof rules.$inferSelect;
export type Assertion = typeof assertions.$inferSelect;
/** With whom it is for; null is everyone. */
export type Named<T> = T & { readonly userEmail: string | null };

export interface RuleQuery extends Page {
  readonly q?: string | undefined;
  /** A user's id, or `everyone` for the global ones. */
  readonly userId?: string | undefined;
  readonly action?: Rule['action'] | undefined;
  readonly status?: 'enabled' | 'disabled' | undefined;
}

/** The order that decides: own rules before global ones, each by priority, then age. */
const ORDER: readonly Term<Named<Rule>>[] = [
  { by: sql`(${rules.userId} is null)`, of: ({ userId }) => userId === null },
  { by: users.email, of: ({ userEmail }) => userEmail },
  { by: rules.priority, of: ({ priority }) => priority },
  { by: rules.createdAt, of: ({ createdAt }) => createdAt },
  { by: rules.id, of: ({ id }) => id },
];
const SCOPE_ORDER = [asc(rules.priority), asc(rules.createdAt), asc(rules.id)] as const;

export async function listRules(db: ReadQueries, { q, userId, action, status, limit, offset = 0, cursor }: RuleQuery): Promise<Listed<Named<Rule>>> {
  const pattern = q ? containing(q) : undefined;
  const matches =
    pattern === undefined
      ? undefined
      : or(like(rules.comment, pattern), like(rules.destination, pattern), like(rules.portRange, pattern), like(users.email, pattern));
  const scope = userId === undefined ? undefined : userId === 'everyone' ? isNull(rules.userId) : eq(rules.userId, userId as UserId);
  const where = and(matches, scope, action && eq(rules.action, action), status && eq(rules.enabled, status === 'enabled'));
  const found = await named(db)
    .where(and(where, after(ORDER, cursor)))
    .orderBy(...orderOf(ORDER))
    .limit(limit + 1)
    .offset(offset);
  const [row] = await db.select({ total: count() }).from(rules).leftJoin(users, eq(rules.userId, users.id)).where(where);
  return { ...pageOf(ORDER, found, limit), total: row?.total ?? 0 };
}

export async function ruleById(db: ReadQueries, id: string): Promise<Named<Rule> | null> {
  const [rule] = await named(db).where(eq(rules.id, id));
  return rule ?? null;
}

export async function rulesByIds(db: ReadQueries, ids: readonly string[]): Promise<readonly Named<Rule>[]> {
  return named(db)
    .where(inArray(rules.id, [...ids]))
    .orderBy(...orderOf(ORDER));
}

export async function countRulesOf(db: ReadQueries, userIds: readonly string[]): Promise<number> {
  const [row] = await db
    .select({ total: count() })
    .from(rules)
    .where(inArray(rules.userId, userIds as readonly UserId[]));
  return row?.total ?? 0;
}

function named(db: ReadQueries) {
  return db
    .select({ ...getTableColumns(rules), userEmail: users.email })
    .from(rules)
    .leftJoin(users, eq(rules.userId, users.id));
}

/** What of a rule goes to the kernel. */
export type EnabledRule = Pick<Rule, 'userId' | 'action' | 'destination' | 'protocol' | 'portRange'>;

/** The enabled rules in the order of their fragments: all, or those under the keys. */
export async function enabledRules(db: ReadQueries, keys?: readonly FragmentKey[]): Promise<readonly EnabledRule[]> {
  const { userId, action, destination, protocol, portRange } = rules;
  const query = db.select({ userId, action, destination, protocol, portRange }).from(rules);
  const isEnabled = eq(rules.enabled, true);
  if (keys === undefined) return query.where(isEnabled).orderBy(...SCOPE_ORDER);
  const userIds = keys.filter((key) => key !== 'global').map((key) => key.slice('user:'.length) as UserId);
  const global = keys.includes('global') ? isNull(userId) : undefined;
  const own = userIds.length > 0 ? inArray(userId, userIds) : undefined;
  return query.where(and(isEnabled, or(global, own) ?? sql`false`)).orderBy(...SCOPE_ORDER);
}

/** Every rule there is, each user's in their order. */
export async function allRules(db: ReadQueries): Promise<readonly Rule[]> {
  return db
    .select()
    .from(rules)
    .orderBy(...SCOPE_ORDER);
}

/** One user's own rules, or the global ones, in their order. */
export async function rulesOf(db: ReadQueries, userId: UserId | null): Promise<readonly Rule[]> {
  return db
    .select()
    .from(rules)
    .where(userId === null ? isNull(rules.userId) : eq(rules.userId, userId))
    .orderBy(...SCOPE_ORDER);
}

export async function allAssertions(db: ReadQueries): Promise<readonly Named<Assertion>[]> {
  return db
    .select({ ...getTableColumns(assertions), userEmail: users.email })
    .from(assertions)
    .leftJoin(users, eq(assertions.userId, users.id))
    .orderBy(asc(assertions.createdAt), asc(assertions.id));
}
