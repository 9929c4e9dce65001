import { index, sqliteTable } from 'drizzle-orm/sqlite-core';
import { common, text, time, whole } from '#core';

export type RunState = 'asked' | 'running' | 'done' | 'failed';

/** Backups that were, or are to be, brought to their place. */
export const backupRuns = sqliteTable(
  'backup_runs',
  {
    ...common<string>(),
    trigger: text<'schedule' | 'person'>().notNull(),
    state: text<RunState>().notNull(),
    /** Where it goes, in words: `backup@nas.example.com, folder vpn`. */
    place: text().notNull(),
    file: text(),
    bytes: whole(),
    problem: text(),
    endedAt: time(),
  },
  (table) => [index('backup_runs_created').on(table.createdAt)],
);
