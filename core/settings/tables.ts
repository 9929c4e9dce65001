import { sqliteTable } from 'drizzle-orm/sqlite-core';
import { json, text, time } from '../db/columns.ts';

/** One document a section; what a document leaves out has its default. */
export const settings = sqliteTable('settings', {
  section: text().primaryKey(),
  document: json<Readonly<Record<string, unknown>>>().notNull(),
  updatedAt: time().notNull(),
});
