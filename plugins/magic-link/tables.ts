import { index, sqliteTable, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { common, text, time, type UserId, users } from '#core';

/** Links that were sent, by the SHA-256 of what stands in them. */
export const magicLinks = sqliteTable(
  'magic_link_sent',
  {
    ...common<string>(),
    userId: text<UserId>()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    hash: text().notNull(),
    /** The local path to go to afterwards. */
    returnTo: text().notNull(),
    /** When it was used, or a newer one was sent. */
    endedAt: time(),
  },
  (table) => [uniqueIndex('magic_link_sent_hash').on(table.hash), index('magic_link_sent_user').on(table.userId, table.createdAt)],
);
