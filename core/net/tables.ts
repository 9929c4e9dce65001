import { primaryKey, sqliteTable, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { common, json, secret, text, time } from '../db/columns.ts';
import type { FragmentKey, NftRule, PublicKey } from './inputs.ts';

/** The key pair of each WireGuard interface of this box. */
export const interfaceKeys = sqliteTable(
  'interface_keys',
  { ...common<string>(), name: text().notNull(), privateKey: secret().notNull(), publicKey: text<PublicKey>().notNull() },
  (table) => [uniqueIndex('interface_keys_name').on(table.name)],
);

/** The last good rules of each plugin, fragment by fragment, so that one that breaks or is not loaded never fails open. */
export const networkFragments = sqliteTable(
  'network_fragments',
  {
    owner: text().notNull(),
    key: text<FragmentKey>().notNull(),
    rules: json<readonly NftRule[]>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.owner, table.key] })],
);

/** A change that is undone unless it is confirmed in time; one at most. */
export const provisionalChanges = sqliteTable('provisional_changes', {
  ...common<string>(),
  /** Who can take it back: `settings`, or a plugin's id. */
  owner: text().notNull(),
  title: text().notNull(),
  undo: json<unknown>().notNull(),
  actor: text().notNull(),
  expiresAt: time().notNull(),
});
