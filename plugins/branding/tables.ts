import { sqliteTable } from 'drizzle-orm/sqlite-core';
import { common, text } from '#core';

/** One row at most. */
export const brandingLogo = sqliteTable('branding_logo', {
  ...common<string>(),
  type: text().notNull(),
  /** Base64. */
  content: text().notNull(),
});
