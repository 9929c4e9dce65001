import { index, sqliteTable } from 'drizzle-orm/sqlite-core';
import { common, secret, text, time, type UserId, users, whole } from '#core';

export const totpMethods = sqliteTable(
  'totp_methods',
  {
    ...common<string>(),
    userId: text<UserId>()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    name: text().notNull(),
    /** Base32, sealed. */
    secret: secret().notNull(),
    /** The latest time step whose code was taken: that one and those before are worth nothing any more. */
    lastStep: whole().notNull(),
    lastUsedAt: time(),
  },
  (table) => [index('totp_methods_user').on(table.userId)],
);
