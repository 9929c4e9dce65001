import { z } from 'zod';
import { type Actor, authorize, line, parse } from '#core';
import { type FindBox, jsonOf, theBox } from './box.ts';
import { text } from './text.ts';

export const PRIORITIES = ['0', '1', '2', '3', '4', '5', '6', '7'] as const;
// Of journald: `s=…;i=…;b=…;m=…;t=…;x=…`.
const CURSOR = /^[a-z0-9=;]{0,250}$/;
const HOURS = { hour: 1, day: 24, week: 168 } as const;

/** Which lines of the journal. */
export const logFilter = z.strictObject({
  unit: z
    .string()
    .regex(/^([a-zA-Z0-9][a-zA-Z0-9@_-]{0,60})?$/, { error: text.logs.notAUnit })
    .default(''),
  /** And all that is more urgent (syslog: 0 emergency, 3 error, 7 debug). */
  priority: z.enum(['', ...PRIORITIES]).default(''),
  since: z.enum(['', 'hour', 'day', 'week']).default(''),
  text: line(0, 100).default(''),
  /** Only what was written after the line with this cursor; `since` then means nothing. */
  after: z.string().regex(CURSOR, { error: text.logs.notACursor }).default(''),
});

export interface LogLine {
  readonly at: Date;
  readonly unit: string;
  readonly priority: number;
  readonly message: string;
  readonly cursor: string;
}

export interface Logs {
  /** The newest 500 lines at most, or with `after` as many as an answer holds, the newest last. */
  read(actor: Actor, filter: unknown): Promise<readonly LogLine[]>;
}

export function createLogs(now: () => Date, find: FindBox): Logs {
  return {
    async read(actor, filter) {
      authorize(actor, 'system.manage');
      const { unit, priority, since, text: wanted, after } = parse(logFilter, filter);
      const from = since === '' ? '' : Math.floor(now().getTime() / 1_000) - HOURS[since] * 3_600;
      const lines = await theBox(find).request('logs', `${unit}\n${priority}\n${from}\n${wanted}\n${after}\n`);
      return lines.flatMap(readLine);
    },
  };
}

// `journalctl --output=json`: microseconds, and what is no UTF-8 as a list of bytes.
const entry = z.object({
  __REALTIME_TIMESTAMP: z.string(),
  MESSAGE: z.union([z.string(), z.array(z.int()), z.null()]).optional(),
  PRIORITY: z.string().optional(),
  SYSLOG_IDENTIFIER: z.string().optional(),
  _SYSTEMD_UNIT: z.string().optional(),
  __CURSOR: z.string().regex(CURSOR).default(''),
});

function readLine(text: string): LogLine[] {
  const { success, data } = entry.safeParse(jsonOf(text));
  if (!success) return [];
  const { MESSAGE: said, PRIORITY, SYSLOG_IDENTIFIER, _SYSTEMD_UNIT } = data;
  const message = Array.isArray(said) ? Buffer.from(said).toString('utf8') : (said ?? '');
  const unit = _SYSTEMD_UNIT?.replace(/\.service$/, '') ?? SYSLOG_IDENTIFIER ?? '';
  return [{ at: new Date(Number(data.__REALTIME_TIMESTAMP) / 1_000), unit, priority: Number(PRIORITY ?? 6), message, cursor: data.__CURSOR }];
}

/** As the page shows a line, and gets the next ones. */
export function shownLine({ at, unit, priority, message }: LogLine) {
  const isBad = priority <= 3;
  return { at, unit: isBad ? `${unit} (${text.logs.priorities[priority]})` : unit, message, isBad };
}
