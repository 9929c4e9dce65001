import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { Argv, Watch } from '../system/run.ts';
import type { DesiredState } from './desired.ts';
import { foreignChanges } from './foreign-changes.ts';
import type { Kernel, Outcome } from './kernel.ts';
import { isOfMark } from './mark.ts';
import type { Observed } from './plan.ts';
import { createTableWatch, type TableWatch } from './table-watch.ts';

/** A foreign change, in words, and when it was put back. */
export interface DriftRecord {
  readonly at: Date;
  readonly what: string;
}

interface DriftParts {
  readonly kernel: Kernel;
  readonly watch: Watch;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: () => void;
  readonly isBusy: () => boolean;
  readonly request: () => Promise<unknown>;
}

export interface DriftWatch {
  start(): void;
  stop(): void;
  /** The newest of them, newest first. */
  records(): readonly DriftRecord[];
  /** All since the start. */
  count(): number;
  readonly table: Pick<TableWatch, 'look' | 'isSuspect'>;
  /** Compares what was observed with what we left behind, and records what somebody else has done. */
  judge(state: DesiredState, observed: Pick<Observed, 'link' | 'wg' | 'missingForwarding'>): void;
  /** What we leave behind now. */
  settled(state: DesiredState, outcome: Outcome): void;
}

const KEPT = 50;
const POLL_MS = 10_000;
/** Events come in bursts, and our own come too. */
const GATHER_MS = 100;
const REVIVE_FIRST_MS = 1_000;
const REVIVE_LONGEST_MS = 60_000;

/** Notices what others change: `nft monitor` and `ip monitor` at once, and a slow look at everything (wg has no monitor). */
export function createDriftWatch({ kernel, watch, clock, log, onChange, isBusy, request }: DriftParts): DriftWatch {
  const records: DriftRecord[] = [];
  let count = 0;
  /** What ends each thing under way, by its name. */
  const stops = new Map<string, () => void>();
  const table = createTableWatch({ kernel, clock, log, note });
  let left: DesiredState | null = null;

  function note(what: string): void {
    records.unshift({ at: clock.now(), what });
    records.splice(KEPT);
    count += 1;
    log.warn({ what }, 'foreign change to the network repaired');
    onChange();
  }

  function gather(): void {
    if (stops.has('gather')) return;
    stops.set(
      'gather',
      clock.after(GATHER_MS, () => {
        stops.delete('gather');
        void request();
      }),
    );
  }

  function poll(): void {
    stops.set(
      'poll',
      clock.after(POLL_MS, () => {
        table.suspectWhenDue();
        void request();
        poll();
      }),
    );
  }

  /** A monitor that ends, as by too many events at once (ENOBUFS), has missed some and begins anew. */
  function keepWatching(argv: Argv, onLine: (line: string) => void, delayMs = REVIVE_FIRST_MS): void {
    const key = argv.join(' ');
    const end = watch(argv, onLine, () => {
      stops.set(
        key,
        clock.after(delayMs, () => {
          table.suspect();
          gather();
          keepWatching(argv, onLine, Math.min(delayMs * 2, REVIVE_LONGEST_MS));
        }),
      );
    });
    stops.set(key, end);
  }

  function onTableLine(line: string): void {
    if (!line.includes('inet wiregui') || isOfMark(line) || isBusy() || table.isSettling()) return;
    table.suspect();
    gather();
  }

  function onLinkLine(line: string): void {
    const name = left?.interface.name;
    // A busy router prints many lines that are about other interfaces.
    if (name !== undefined && line.includes(name) && !isBusy()) gather();
  }

  return {
    records: () => records,
    count: () => count,
    table,
    start() {
      keepWatching(['nft', 'monitor'], onTableLine);
      keepWatching(['ip', 'monitor', 'address', 'link', 'route'], onLinkLine);
      poll();
    },
    stop() {
      for (const stop of stops.values()) stop();
      stops.clear();
    },
    judge(state, observed) {
      if (left === null || left.interface.name !== state.interface.name) return;
      for (const what of foreignChanges(left, observed)) note(what);
    },
    settled(state, { done, failures }) {
      // What only half happened would look like somebody else's doing.
      left = failures.length === 0 ? state : null;
      if (done.has('apply-ruleset')) table.left(state.ruleset);
    },
  };
}
