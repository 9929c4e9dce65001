import { sqliteTable } from 'drizzle-orm/sqlite-core';
import { common, text } from '#core';

/** At most one row: what the monitoring shows to be let in. */
export const metricsToken = sqliteTable('metrics_token', { ...common<string>(), hash: text().notNull() });
