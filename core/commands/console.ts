import { readConfig } from '../config.ts';
import { createAudit } from '../audit/audit.ts';
import { migrate } from '../db/migrate.ts';
import { openDb } from '../db/open.ts';
import { systemClock } from '../system/clock.ts';
import { programPaths } from '../system/paths.ts';

/** What a command at the console works with: the database, brought up to date, beside a service that may run. */
export function openConsole() {
  const config = readConfig();
  const db = openDb(config.dataDirectory);
  migrate(db.writer, programPaths().migrations, 'core');
  return { config, db, clock: systemClock, audit: createAudit(systemClock), [Symbol.dispose]: () => db.close() };
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
