import { sqliteTable } from 'drizzle-orm/sqlite-core';
import { flag, text, time } from '../db/columns.ts';

/** What the admin decided about a plugin and how its last start went. */
export const pluginStates = sqliteTable('plugin_states', {
  id: text().primaryKey(),
  isEnabled: flag().notNull(),
  updatedAt: time().notNull(),
});

/** One row a start of the service; `healthyAt` stays empty when it did not become healthy. */
export const serviceStarts = sqliteTable('service_starts', {
  id: text().primaryKey(),
  startedAt: time().notNull(),
  healthyAt: time(),
});
