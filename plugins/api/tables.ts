import { index, sqliteTable, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { common, text, time, type UserId, users } from '#core';

export const apiTokens = sqliteTable(
  'api_tokens',
  {
    ...common<string>(),
    userId: text<UserId>()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    name: text().notNull(),
    /** SHA-256, hex. */
    hash: text().notNull(),
    /** The first characters, to tell tokens apart in lists. */
    prefix: text().notNull(),
    expiresAt: time().notNull(),
    lastUsedAt: time(),
  },
  (table) => [uniqueIndex('api_tokens_hash').on(table.hash), index('api_tokens_user').on(table.userId)],
);
