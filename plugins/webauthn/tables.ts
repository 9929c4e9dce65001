import { index, sqliteTable, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { common, text, time, type UserId, users, whole } from '#core';

/** What is known of a key: enough to check what it signs, nothing to sign with. */
export const webauthnCredentials = sqliteTable(
  'webauthn_credentials',
  {
    ...common<string>(),
    userId: text<UserId>()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    name: text().notNull(),
    /** As the authenticator names it, base64url. */
    credentialId: text().notNull(),
    /** COSE_Key (RFC 9052 §7), base64url. */
    publicKey: text().notNull(),
    /** How often it has signed, or always 0 where it does not count. */
    counter: whole().notNull(),
    /** How browsers reach it, parted by commas: `internal,hybrid`. */
    transports: text().notNull(),
    lastUsedAt: time(),
  },
  (table) => [uniqueIndex('webauthn_credentials_id').on(table.credentialId), index('webauthn_credentials_user').on(table.userId)],
);
