import { and, count, eq, gte, like, lt, or } from 'drizzle-orm';
import { containing, type ListQuery } from '../accounts/store.ts';
import type { ReadQueries } from '../db/open.ts';
import { after, type Listed, orderOf, pageOf, type Term } from '../db/paging.ts';
import { auditLog } from './tables.ts';

export type AuditRow = typeof auditLog.$inferSelect;

const ORDER: readonly Term<AuditRow>[] = [{ by: auditLog.seq, of: ({ seq }) => seq, isDescending: true }];

export interface AuditQuery extends Omit<ListQuery, 'sort'> {
  readonly action?: string | undefined;
  /** Part of the actor's name. */
  readonly actor?: string | undefined;
  readonly via?: AuditRow['via'] | undefined;
  /** From this moment on, and before that one. */
  readonly since?: Date | undefined;
  readonly before?: Date | undefined;
}

/** Newest first; `q` looks at who, what, on what and from where. */
export async function listAudit(db: ReadQueries, query: AuditQuery): Promise<Listed<AuditRow>> {
  const pattern = query.q ? containing(query.q) : undefined;
  const where = and(
    pattern === undefined
      ? undefined
      : or(like(auditLog.actor, pattern), like(auditLog.action, pattern), like(auditLog.target, pattern), like(auditLog.ip, pattern)),
    query.action ? eq(auditLog.action, query.action) : undefined,
    query.actor ? like(auditLog.actor, containing(query.actor)) : undefined,
    query.via ? eq(auditLog.via, query.via) : undefined,
    query.since ? gte(auditLog.at, query.since) : undefined,
    query.before ? lt(auditLog.at, query.before) : undefined,
  );
  const found = await db
    .select()
    .from(auditLog)
    .where(and(where, after(ORDER, query.cursor)))
    .orderBy(...orderOf(ORDER))
    .limit(query.limit + 1)
    .offset(query.offset ?? 0);
  const [row] = await db.select({ total: count() }).from(auditLog).where(where);
  return { ...pageOf(ORDER, found, query.limit), total: row?.total ?? 0 };
}

/** Every action that has been recorded, by name. */
export async function auditActions(db: ReadQueries): Promise<readonly string[]> {
  const rows = await db.selectDistinct({ action: auditLog.action }).from(auditLog).orderBy(auditLog.action);
  return rows.map(({ action }) => action);
}
