import { index, sqliteTable, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { common, document, flag, secret, text, time, type UserId, users, whole } from '#core';

export const providers = sqliteTable('oidc_providers', {
  /** The id is chosen by whoever makes it: it stands in addresses, and in people's identities as `oidc:<id>`. */
  ...common<string>(),
  label: text().notNull(),
  discoveryDocumentUri: text().notNull(),
  clientId: text().notNull(),
  /** Null for a public client. */
  clientSecret: secret(),
  scope: text().notNull(),
  autoCreateUsers: flag().notNull(),
  /** Empty: every domain. */
  allowedDomains: document<readonly string[]>().notNull(),
  /** The claim that makes administrators, when it has one of the values; null: roles are given here. */
  adminClaim: text(),
  adminValues: document<readonly string[]>().notNull(),
  /** Its sign-ins count as all factors. */
  trustedForSecondFactor: flag().notNull(),
  /** Plain http, this box itself and its link are allowed. */
  mayReachThisBox: flag().notNull(),
  /** Of the registered redirect URI. */
  trailingSlash: flag().notNull(),
  enabled: flag().notNull(),
  /** It stands in WG_IDP_CONFIG_FILE, and is changed there. */
  fromFile: flag().notNull(),
});

/** What is left of a person's last sign-in through a provider. */
export const connections = sqliteTable(
  'oidc_connections',
  {
    ...common<string>(),
    userId: text<UserId>()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    provider: text()
      .notNull()
      .references(() => providers.id, { onDelete: 'cascade' }),
    /** Null when none was given, or the provider has refused it. */
    refreshToken: secret(),
    /** Tells the provider whose session to end (OpenID Connect RP-Initiated Logout 1.0 §2). */
    idToken: secret(),
    endSessionEndpoint: text(),
    /** When the provider was last asked. */
    refreshedAt: time().notNull(),
    lastError: text(),
    /** Tries in a row that came to nothing. */
    failures: whole().notNull(),
  },
  (table) => [uniqueIndex('oidc_connections_user').on(table.userId, table.provider), index('oidc_connections_refreshed').on(table.refreshedAt)],
);
