import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrate } from '../../../core/db/migrate.ts';

const FIRST =
  'CREATE TABLE parent (id TEXT PRIMARY KEY, a TEXT);--> statement-breakpoint\nCREATE TABLE child (id TEXT PRIMARY KEY, parent_id TEXT REFERENCES parent(id) ON DELETE CASCADE);';
// What drizzle-kit writes when a column changes.
const REBUILD =
  'CREATE TABLE __new_parent (id TEXT PRIMARY KEY);--> statement-breakpoint\nINSERT INTO __new_parent SELECT id FROM parent;--> statement-breakpoint\nDROP TABLE parent;--> statement-breakpoint\nALTER TABLE __new_parent RENAME TO parent;';

describe('migrations', () => {
  let folder: string;
  let database: Database.Database;
  const write = (name: string, sql: string) => writeFileSync(join(folder, 'core', `${name}.sql`), sql);
  const columnsOf = (table: string) => database.prepare(`SELECT name FROM pragma_table_info('${table}')`).pluck().all();

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'wiregui-migrations-'));
    mkdirSync(join(folder, 'core'));
    database = new Database(':memory:');
    database.pragma('foreign_keys = ON');
    write('0000_first', FIRST);
    migrate(database, folder, 'core');
    database.exec("INSERT INTO parent VALUES ('p', 'x'); INSERT INTO child VALUES ('c', 'p')");
  });
  afterEach(() => {
    database.close();
    rmSync(folder, { recursive: true });
  });

  it('keep the children of a table that is rebuilt', () => {
    write('0001_rebuild', REBUILD);
    migrate(database, folder, 'core');
    expect(columnsOf('parent')).toEqual(['id']);
    expect(database.prepare('SELECT id FROM child').pluck().all()).toEqual(['c']);
    expect(database.pragma('foreign_keys', { simple: true })).toBe(1);
  });

  it('are applied once', () => {
    migrate(database, folder, 'core');
    expect(database.prepare('SELECT count(*) FROM migrations').pluck().get()).toBe(1);
  });

  it('stop when an applied one was changed', () => {
    write('0000_first', `${FIRST} `);
    expect(() => migrate(database, folder, 'core')).toThrow('core/0000_first was changed');
  });

  it('stop when the database was made by a newer version', () => {
    rmSync(join(folder, 'core', '0000_first.sql'));
    expect(() => migrate(database, folder, 'core')).toThrow('newer version');
  });

  it('change nothing when one of them fails, and name it', () => {
    write('0001_good', 'ALTER TABLE parent ADD COLUMN b TEXT;');
    write('0002_bad', 'CREATE TABLE parent (id TEXT);');
    expect(() => migrate(database, folder, 'core')).toThrow('core/0002_bad');
    expect(columnsOf('parent')).toEqual(['id', 'a']);
  });

  it('refuse to leave rows without what they refer to', () => {
    write('0001_drop', "DELETE FROM parent WHERE id = 'p';");
    expect(() => migrate(database, folder, 'core')).toThrow('child → parent');
    expect(database.prepare('SELECT count(*) FROM parent').pluck().get()).toBe(1);
  });
});
