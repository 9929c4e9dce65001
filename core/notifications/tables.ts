import { index, sqliteTable } from 'drizzle-orm/sqlite-core';
import { common, text, time } from '../db/columns.ts';

export type Severity = 'info' | 'warning' | 'error';

export const notifications = sqliteTable(
  'notifications',
  {
    ...common<string>(),
    severity: text<Severity>().notNull(),
    message: text().notNull(),
    /** What it is about, so that the same thing is not said twice while unread: `network`, `plugin:oidc`. */
    about: text().notNull(),
    readAt: time(),
  },
  (table) => [index('notifications_created').on(table.createdAt)],
);
