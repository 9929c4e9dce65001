import { index, sqliteTable, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { common, secret, text, time, type UserId, users, whole } from '#core';

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

/** Requests that came with an Idempotency-Key, by the hash of user and key. */
export const apiRequests = sqliteTable(
  'api_requests',
  {
    id: text().primaryKey(),
    /** SHA-256 of what was asked. */
    fingerprint: text().notNull(),
    /** Null while it runs. */
    status: whole(),
    /** Null when it held a secret. */
    answer: secret(),
    createdAt: time().notNull(),
  },
  (table) => [index('api_requests_created').on(table.createdAt)],
);
