import { index, integer, sqliteTable } from 'drizzle-orm/sqlite-core';
import { json, text, time } from '../db/columns.ts';

export type Changes = Readonly<Record<string, unknown>>;

/** Append-only. `hash` covers the row and the hash of the row before it (`seq - 1`). */
export const auditLog = sqliteTable(
  'audit_log',
  {
    seq: integer({ mode: 'number' }).primaryKey({ autoIncrement: true }),
    at: time().notNull(),
    actorId: text(),
    /** The actor's email when it happened, or the name of a job. */
    actor: text().notNull(),
    via: text<'page' | 'api' | 'cli' | 'job'>().notNull(),
    action: text().notNull(),
    targetType: text().notNull(),
    targetId: text(),
    /** What a person calls the target: an email, a device's name. */
    target: text().notNull(),
    changes: json<Changes>().notNull(),
    ip: text(),
    hash: text().notNull(),
  },
  (table) => [index('audit_log_at').on(table.at), index('audit_log_target').on(table.targetId), index('audit_log_action').on(table.action)],
);
