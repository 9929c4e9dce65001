import { and, count, like, or } from 'drizzle-orm';
import { containing, type ListQuery } from '../accounts/store.ts';
import type { ReadQueries } from '../db/open.ts';
import { after, type Listed, orderOf, pageOf, type Term } from '../db/paging.ts';
import { auditLog } from './tables.ts';

export type AuditRow = typeof auditLog.$inferSelect;

const ORDER: readonly Term<AuditRow>[] = [{ by: auditLog.seq, of: ({ seq }) => seq, isDescending: true }];

/** Newest first; `q` looks at who, what, on what and from where. */
export async function listAudit(db: ReadQueries, query: Omit<ListQuery, 'sort'>): Promise<Listed<AuditRow>> {
  const pattern = query.q ? containing(query.q) : undefined;
  const where =
    pattern === undefined
      ? undefined
      : or(like(auditLog.actor, pattern), like(auditLog.action, pattern), like(auditLog.target, pattern), like(auditLog.ip, pattern));
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
