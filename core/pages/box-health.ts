import { hasAdmin } from '../accounts/store.ts';
import type { Db } from '../db/open.ts';
import { formatBytes } from '../http/shell.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { PluginHost } from '../plugin/host.ts';
import type { Clock } from '../system/clock.ts';
import { isClockSynchronized } from '../system/clock-state.ts';
import { type DiskSpace, diskSpace } from '../system/disk.ts';
import { en } from '../text/en.ts';
import type { NetworkView } from './network-view.ts';

export interface BoxHealthParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly network: NetworkView;
  readonly jobs: Jobs;
  readonly host: PluginHost;
  readonly dataDirectory: string;
}

/** One thing of the box and how it is. */
export interface HealthLine {
  readonly label: string;
  readonly color: 'green' | 'yellow' | 'red' | 'blue';
  readonly text: string;
  readonly at?: Date;
  readonly path?: string;
}

const text = en.admin;
const LOW_DISK_SHARE = 0.1;
const LOW_DISK_BYTES = 200 * 2 ** 20;
const CLOCK_TOLERANCE_MS = 60_000;

/** What an administrator must know at a glance; `lastActAt` is when the newest row of the audit log was written. */
export async function boxHealth(parts: BoxHealthParts, lastActAt: Date | null): Promise<readonly HealthLine[]> {
  return [
    await databaseLine(parts.db),
    ...networkLines(parts.network),
    driftLine(parts.network),
    jobsLine(parts.jobs),
    pluginsLine(parts.host),
    await diskLine(parts.dataDirectory),
    clockLine(parts.clock.now(), lastActAt),
  ];
}

async function databaseLine(db: Db): Promise<HealthLine> {
  const isOk = await hasAdmin(db).catch(() => false);
  return { label: text.database, color: isOk ? 'green' : 'red', text: isOk ? text.ok : text.databaseFails };
}

function networkLines({ interfaceName, status }: NetworkView): readonly HealthLine[] {
  const now = status();
  const color = { applied: 'green', pending: 'blue', failed: 'red', off: 'yellow' } as const;
  const said = now.kind === 'failed' || now.kind === 'off' ? now.why : en.common.network[now.kind];
  const common = { color: color[now.kind], path: '/admin/diagnostics' };
  const ruleset = { ...common, label: text.ruleset, text: now.kind === 'applied' ? text.inForce : now.kind === 'off' ? text.notInForce : said };
  return [{ ...common, label: `${text.interface} ${interfaceName}`, text: said }, now.kind === 'applied' ? { ...ruleset, at: now.at } : ruleset];
}

function driftLine({ drift, driftCount }: NetworkView): HealthLine {
  const [last] = drift();
  const line = { label: text.drift, path: '/admin/diagnostics' };
  return last ? { ...line, color: 'yellow', text: text.repaired(driftCount()), at: last.at } : { ...line, color: 'green', text: text.noDrift };
}

function jobsLine(jobs: Jobs): HealthLine {
  const failing = jobs.states().filter(({ lastError }) => lastError !== null);
  if (failing.length === 0) return { label: text.jobs, color: 'green', text: text.ok };
  return { label: text.jobs, color: 'red', text: failing.map(({ id, lastError }) => `${id}: ${lastError}`).join('; ') };
}

function pluginsLine(host: PluginHost): HealthLine {
  const failed = host.statuses().filter(({ state }) => state.kind === 'failed' || state.kind === 'safe-mode');
  const line = { label: text.plugins, path: '/admin/plugins' };
  if (failed.length === 0) return { ...line, color: 'green', text: text.ok };
  return { ...line, color: 'red', text: text.notRunning(failed.map(({ plugin }) => plugin.manifest.title).join(', ')) };
}

async function diskLine(folder: string): Promise<HealthLine> {
  const space = await diskSpace(folder).catch((): DiskSpace | null => null);
  if (space === null) return { label: text.disk, color: 'red', text: text.diskFails };
  const isLow = space.freeBytes < LOW_DISK_BYTES || space.freeBytes / space.totalBytes < LOW_DISK_SHARE;
  return { label: text.disk, color: isLow ? 'red' : 'green', text: text.free(formatBytes(space.freeBytes), formatBytes(space.totalBytes)) };
}

function clockLine(now: Date, lastActAt: Date | null): HealthLine {
  const line = { label: text.clock, at: now };
  if (lastActAt !== null && lastActAt.getTime() - now.getTime() > CLOCK_TOLERANCE_MS) return { ...line, color: 'red', text: text.clockBehind };
  if (isClockSynchronized() === false) return { ...line, color: 'yellow', text: text.clockNotSet };
  return { ...line, color: 'green', text: isClockSynchronized() === true ? text.clockSet : text.ok };
}
