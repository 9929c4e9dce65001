import { sqliteTable } from 'drizzle-orm/sqlite-core';
import { text, time, type UserId, users } from '#core';

/** Who has been told that a VPN session ends: the one that began with this sign-in. */
export const mailSessionWarnings = sqliteTable('mail_session_warnings', {
  userId: text<UserId>()
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
  signedInAt: time().notNull(),
});
