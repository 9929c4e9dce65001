import { type Audit, createAudit } from '../audit/audit.ts';
import { type Config, readConfig } from '../config.ts';
import { migrate } from '../db/migrate.ts';
import { type Db, openDb } from '../db/open.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import { programPaths } from '../system/paths.ts';

interface Console {
  readonly config: Config;
  readonly db: Db;
  readonly clock: Clock;
  readonly audit: Audit;
}

/** Gives a command the database, brought up to date, beside a service that may run. */
export async function atConsole<T>(work: (console: Console) => Promise<T>): Promise<T> {
  const config = readConfig();
  const db = openDb(config.dataDirectory);
  try {
    migrate(db.writer, programPaths().migrations, 'core');
    return await work({ config, db, clock: systemClock, audit: createAudit(systemClock) });
  } finally {
    db.close();
  }
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** All of standard input, without the end of its last line. */
export async function readStdin(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin) text += String(chunk);
  return text.replace(/\r?\n$/, '');
}
