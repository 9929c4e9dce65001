import { count, desc, like, or } from 'drizzle-orm';
import { containing, type Listed, type ListQuery } from '../accounts/store.ts';
import type { ReadQueries } from '../db/open.ts';
import { auditLog } from './tables.ts';

export type AuditRow = typeof auditLog.$inferSelect;

/** Newest first; `q` looks at who, what, on what and from where. */
export async function listAudit(db: ReadQueries, query: Omit<ListQuery, 'sort'>): Promise<Listed<AuditRow>> {
  const pattern = query.q ? containing(query.q) : undefined;
  const where =
    pattern === undefined
      ? undefined
      : or(like(auditLog.actor, pattern), like(auditLog.action, pattern), like(auditLog.target, pattern), like(auditLog.ip, pattern));
  const items = await db.select().from(auditLog).where(where).orderBy(desc(auditLog.seq)).limit(query.limit).offset(query.offset);
  const [row] = await db.select({ total: count() }).from(auditLog).where(where);
  return { items, total: row?.total ?? 0 };
}
