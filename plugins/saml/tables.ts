import { index, sqliteTable, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { common, document, flag, secret, text, time } from '#core';

export const samlProviders = sqliteTable('saml_providers', {
  /** Chosen by the administrator: a part of the addresses that are registered at the provider. */
  id: text().primaryKey(),
  createdAt: time().notNull(),
  updatedAt: time().notNull(),
  label: text().notNull(),
  /** As it was pasted or fetched; what follows it is read from it. */
  metadata: text().notNull(),
  entityId: text().notNull(),
  signInUrl: text().notNull(),
  /** The provider's signing certificates, DER in base64. */
  certificates: document<readonly string[]>().notNull(),
  metadataUrl: text(),
  metadataAt: time().notNull(),
  mayReachThisBox: flag().notNull(),
  signRequests: flag().notNull(),
  signMetadata: flag().notNull(),
  requireSignedAssertion: flag().notNull(),
  requireSignedResponse: flag().notNull(),
  subjectAttribute: text(),
  emailAttribute: text(),
  emailIsVerified: flag().notNull(),
  groupsAttribute: text(),
  adminGroups: document<readonly string[]>().notNull(),
  autoCreateUsers: flag().notNull(),
  allowedDomains: document<readonly string[]>().notNull(),
  trustedForSecondFactor: flag().notNull(),
  enabled: flag().notNull(),
  fromFile: flag().notNull(),
});

/** This box's own key pairs: the one in use, and one that is to follow it. */
export const samlKeys = sqliteTable('saml_keys', {
  ...common<string>(),
  state: text<'current' | 'next'>().notNull().unique(),
  privateKey: secret().notNull(),
  /** PEM. */
  certificate: text().notNull(),
});

/** Requests that wait for their answer. An answer takes its request away, so that each is answered once. */
export const samlRequests = sqliteTable('saml_requests', { id: text().primaryKey(), providerId: text().notNull(), expiresAt: time().notNull() }, (table) => [
  index('saml_requests_expiry').on(table.expiresAt),
]);

/** Assertions that were accepted, until they would be too old anyway (SAML profiles 4.1.4.5). */
export const samlAssertions = sqliteTable(
  'saml_assertions',
  { ...common<string>(), issuer: text().notNull(), assertionId: text().notNull(), expiresAt: time().notNull() },
  (table) => [uniqueIndex('saml_assertions_id').on(table.issuer, table.assertionId), index('saml_assertions_expiry').on(table.expiresAt)],
);

/** Who an accepted answer is about, by the SHA-256 of the ticket with which their browser comes for it. */
export const samlAnswers = sqliteTable(
  'saml_answers',
  { hash: text().primaryKey(), requestId: text().notNull(), providerId: text().notNull(), person: document<unknown>().notNull(), expiresAt: time().notNull() },
  (table) => [index('saml_answers_expiry').on(table.expiresAt)],
);
