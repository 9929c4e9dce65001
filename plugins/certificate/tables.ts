import { sqliteTable, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { common, secret, text } from '#core';

/** Our account at an authority, by the address of its directory. */
export const certificateAccounts = sqliteTable(
  'certificate_accounts',
  {
    ...common<string>(),
    directory: text().notNull(),
    /** PKCS #8, PEM. */
    key: secret().notNull(),
  },
  (table) => [uniqueIndex('certificate_accounts_directory').on(table.directory)],
);
