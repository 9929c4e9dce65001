import { index, sqliteTable } from 'drizzle-orm/sqlite-core';
import { common, document, text, time, whole } from '#core';

export const checks = sqliteTable(
  'connectivity_checks',
  {
    ...common<string>(),
    url: text().notNull(),
    checkedAt: time().notNull(),
    /** The answer's status; null when none came. */
    status: whole(),
    /** Why there was no answer; empty when there was one. */
    error: text().notNull(),
    headers: document<readonly (readonly [name: string, value: string])[]>().notNull(),
    /** The beginning of it. */
    body: text().notNull(),
    durationMs: whole().notNull(),
  },
  (table) => [index('connectivity_checks_checked').on(table.checkedAt)],
);
