import { type BackupSettings, WEEKDAYS } from './section.ts';
import type { backupRuns } from './tables.ts';

const RETRY_MS = 3_600_000;

type Run = Pick<typeof backupRuns.$inferSelect, 'createdAt' | 'state'>;

/** Whether a backup is to be made now: the last moment has passed without one, or an hour has gone since it failed. */
export function isDue(settings: BackupSettings, last: Run | null, now: Date): boolean {
  if (settings.every === 'off') return false;
  if (last === null || last.createdAt < lastMoment(settings, now)) return true;
  return last.state === 'failed' && now.getTime() - last.createdAt.getTime() >= RETRY_MS;
}

/** When the next one is made, in the box's own time zone; null when none is. */
export function nextMoment(settings: BackupSettings, now: Date): Date | null {
  if (settings.every === 'off') return null;
  const next = lastMoment(settings, now);
  next.setDate(next.getDate() + (settings.every === 'day' ? 1 : 7));
  return next;
}

function lastMoment({ every, weekday, at }: BackupSettings, now: Date): Date {
  const [hours = 0, minutes = 0] = at.split(':').map(Number);
  const moment = new Date(now);
  moment.setHours(hours, minutes, 0, 0);
  if (moment > now) moment.setDate(moment.getDate() - 1);
  if (every === 'week') moment.setDate(moment.getDate() - ((moment.getDay() - WEEKDAYS.indexOf(weekday) + 7) % 7));
  return moment;
}
