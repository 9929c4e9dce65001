import { index, primaryKey, sqliteTable, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { common, json, text, time, whole } from '../db/columns.ts';
import type { UserId } from '../net/inputs.ts';
import type { SessionData } from './session-data.ts';

export type Role = 'admin' | 'unprivileged';
export type Theme = 'auto' | 'light' | 'dark';

export const users = sqliteTable(
  'users',
  {
    ...common<UserId>(),
    email: text().notNull(),
    role: text<Role>().notNull(),
    passwordHash: text(),
    disabledAt: time(),
    lastSignedInAt: time(),
    lastSignedInMethod: text(),
    vpnSessionEndedAt: time(),
    theme: text<Theme>().notNull().default('auto'),
  },
  (table) => [uniqueIndex('users_email').on(table.email)],
);

export const identities = sqliteTable(
  'identities',
  {
    ...common<string>(),
    userId: text<UserId>()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    provider: text().notNull(),
    issuer: text().notNull(),
    subject: text().notNull(),
  },
  (table) => [uniqueIndex('identities_subject').on(table.provider, table.issuer, table.subject), index('identities_user').on(table.userId)],
);

export const sessions = sqliteTable(
  'sessions',
  {
    ...common<string>(),
    /** SHA-256 of the cookie's value, hex. */
    hash: text().notNull(),
    userId: text<UserId>().references(() => users.id, { onDelete: 'cascade' }),
    method: text(),
    secondFactorAt: time(),
    ip: text(),
    userAgent: text(),
    lastSeenAt: time().notNull(),
    expiresAt: time().notNull(),
    data: json<SessionData>().notNull(),
  },
  (table) => [uniqueIndex('sessions_hash').on(table.hash), index('sessions_user').on(table.userId), index('sessions_expiry').on(table.expiresAt)],
);

/** Which kinds of second factor somebody has, as core remembers it: a plugin that does not run cannot say. */
export const enrolledKinds = sqliteTable(
  'enrolled_kinds',
  {
    userId: text<UserId>()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    kind: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.kind] })],
);

/** Each lets its owner in once instead of a second factor; kept as SHA-256. */
export const recoveryCodes = sqliteTable(
  'recovery_codes',
  {
    ...common<string>(),
    userId: text<UserId>()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    hash: text().notNull(),
    usedAt: time(),
  },
  (table) => [uniqueIndex('recovery_codes_hash').on(table.userId, table.hash)],
);

/** Counted guesses by key (`pair:…`, `address:…`, `account:…`), and addresses an account is known to use (`known:…`). */
export const signInAttempts = sqliteTable('sign_in_attempts', {
  key: text().primaryKey(),
  count: whole().notNull(),
  expiresAt: time().notNull(),
});

/** What a sign-in under way must remember until it comes back, by the SHA-256 of the ticket to get it with. */
export const signInFlows = sqliteTable('sign_in_flows', {
  hash: text().primaryKey(),
  kind: text().notNull(),
  data: json<unknown>().notNull(),
  expiresAt: time().notNull(),
});
