import { sqliteTable, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { common, json, secret, text, time } from '../db/columns.ts';
import type { FragmentKey, NftRule, PublicKey } from './inputs.ts';

/** The key pair of each WireGuard interface of this box. */
export const interfaceKeys = sqliteTable(
  'interface_keys',
  { ...common<string>(), name: text().notNull(), privateKey: secret().notNull(), publicKey: text<PublicKey>().notNull() },
  (table) => [uniqueIndex('interface_keys_name').on(table.name)],
);

/** The last good rules of each plugin, so that one that breaks or is not loaded never fails open. */
export const networkFragments = sqliteTable('network_fragments', {
  owner: text().primaryKey(),
  fragments: json<readonly (readonly [FragmentKey, readonly NftRule[]])[]>().notNull(),
  updatedAt: time().notNull(),
});
