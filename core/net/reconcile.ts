import { ApplyFailed, messageOf } from '../errors.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { Watch } from '../system/run.ts';
import { nextTurn } from '../system/turn.ts';
import { allPeers, type DesiredState, desired, type Part, withPart } from './desired.ts';
import { createDriftWatch, type DriftRecord } from './drift.ts';
import type { FragmentKey, NetworkInputs, PublicKey } from './inputs.ts';
import type { Keep } from './keep.ts';
import type { Kernel } from './kernel.ts';
import { plan, planBetween, type Step } from './plan.ts';
import type { Ruleset } from './ruleset.ts';
import type { ObservedPeer, Traffic } from './wg.ts';

export type NetworkStatus =
  | { readonly kind: 'off'; readonly why: string }
  | { readonly kind: 'pending' }
  | { readonly kind: 'applied'; readonly at: Date }
  | { readonly kind: 'failed'; readonly why: string; readonly at: Date };

export interface Reconciler {
  /** First pass, and from then on watching. Resolves when it is applied, or has failed and will be tried again. */
  start(): Promise<void>;
  /** Stops watching; the kernel stays as it is. */
  stop(): void;
  /**
   * Something the desired state depends on has changed; or nothing but the rules under these keys, and the users among them
   * with their devices; or nothing but perhaps the kernel. Resolves when a pass that began after this is through.
   */
  request(changed?: readonly FragmentKey[] | 'kernel'): Promise<NetworkStatus>;
  /** Resolves when what was requested until now is through. */
  settled(): Promise<NetworkStatus>;
  status(): NetworkStatus;
  /** Foreign changes that were put back, newest first. */
  drift(): readonly DriftRecord[];
  /** How many were put back since the start. */
  driftCount(): number;
  peers(): Promise<ReadonlyMap<PublicKey, ObservedPeer>>;
  /** Throws when the interface cannot be read: that is not the same as no peers. */
  traffic(): Promise<Traffic>;
  ruleset(): Promise<string | null>;
}

interface ReconcilerParts {
  readonly load: () => Promise<NetworkInputs>;
  readonly loadPart: (keys: readonly FragmentKey[]) => Promise<Part>;
  readonly kernel: Kernel;
  readonly watch: Watch;
  readonly clock: Clock;
  readonly log: Log;
  /** Told whenever the status changes or drift was repaired. */
  readonly onChange: () => void;
  /** Told of each pass. */
  readonly onPass?: (durationMs: number, isOk: boolean) => void;
  /** Told of each state that a pass strove for, also when a part of it failed: what is gone must not come back at a boot. */
  readonly keep?: Keep | undefined;
}

const RETRY_FIRST_MS = 1_000;
const RETRY_LONGEST_MS = 60_000;
/** After so long everything is read anew, even if nobody has told of a change. */
const READ_MS = 5 * 60_000;

/** With more than so many users everything is read. */
const MOST_KEYS = 100;

/** What a pass must look at: everything, the kernel alone, or what is under these keys. */
type Dirty = 'all' | 'kernel' | ReadonlySet<FragmentKey>;
const NOTHING: Dirty = new Set();

/** Makes the kernel agree with the database: one pass at a time; requests during a pass share the next one. */
export function createReconciler(parts: ReconcilerParts): Reconciler {
  const { load, loadPart, kernel, clock, log, onChange } = parts;
  let status: NetworkStatus = { kind: 'pending' };
  /** What our table holds by our own doing; null when that is not known. */
  let applied: Ruleset | null = null;
  /** The state that the last pass brought about; null when it failed. */
  let reached: DesiredState | null = null;
  let readAtMs = Number.NEGATIVE_INFINITY;
  let dirty = NOTHING;
  let name = '';
  let nextChangeAt: Date | null = null;
  let current: Promise<NetworkStatus> | null = null;
  let next: Promise<NetworkStatus> | null = null;
  let cancelWake = () => {};
  let retryMs = RETRY_FIRST_MS;
  let isStopped = false;

  const drift = createDriftWatch({ ...parts, isBusy: () => current !== null, request: () => request('kernel') });

  function request(changed: readonly FragmentKey[] | 'kernel' | 'all' = 'all'): Promise<NetworkStatus> {
    dirty = union(dirty, typeof changed === 'string' ? changed : new Set(changed));
    if (next) return next;
    if (!current) return begin();
    next = current.then(begin, begin);
    return next;
  }

  function begin(): Promise<NetworkStatus> {
    next = null;
    const asked = dirty;
    dirty = NOTHING;
    current = pass(asked).finally(() => {
      current = null;
    });
    return current;
  }

  function setStatus(changed: NetworkStatus): NetworkStatus {
    const isNews = changed.kind !== status.kind;
    status = changed;
    if (isNews) onChange();
    return changed;
  }

  async function pass(asked: Dirty): Promise<NetworkStatus> {
    cancelWake();
    if (isStopped) return status;
    const begun = performance.now();
    const ended = (isOk: boolean) => parts.onPass?.(performance.now() - begun, isOk);
    try {
      const known = isStillRight() ? reached : null;
      const isPart = typeof asked !== 'string' && asked.size <= MOST_KEYS && applied !== null && !drift.table.isSuspect();
      const hasBrought = isPart && known !== null && (await bringPart(known, [...asked]));
      if (!hasBrought) await bringAll((asked === 'kernel' ? known : null) ?? (await compute()));
      retryMs = RETRY_FIRST_MS;
      wakeIn(Number.POSITIVE_INFINITY);
      ended(true);
      return setStatus({ kind: 'applied', at: clock.now() });
    } catch (error) {
      reached = null;
      ended(false);
      log.error({ error: messageOf(error), retryMs }, 'network could not be brought to its desired state');
      wakeIn(retryMs);
      retryMs = Math.min(retryMs * 2, RETRY_LONGEST_MS);
      return setStatus({ kind: 'failed', why: messageOf(error), at: clock.now() });
    }
  }

  function isStillRight(): boolean {
    const now = clock.now().getTime();
    return now - readAtMs < READ_MS && (nextChangeAt === null || now < nextChangeAt.getTime());
  }

  async function compute(): Promise<DesiredState> {
    readAtMs = clock.now().getTime();
    const inputs = await load();
    await nextTurn();
    const state = desired(inputs, clock.now());
    nextChangeAt = state.nextChangeAt;
    await nextTurn();
    return state;
  }

  async function bringAll(state: DesiredState): Promise<void> {
    name = state.interface.name;
    const [here, table] = await Promise.all([kernel.observe(name), drift.table.look(state.ruleset, applied)]);
    await nextTurn();
    const steps = plan(state, { ...here, ...table });
    if (steps.length > 0) drift.judge(state, here);
    await make(state, steps);
  }

  /** With ten thousand users only those few are read and written. False when that is not enough. */
  async function bringPart(before: DesiredState, keys: readonly FragmentKey[]): Promise<boolean> {
    const state = withPart(before, keys, await loadPart(keys), clock.now());
    if (state === null) return false;
    nextChangeAt = state.nextChangeAt;
    await nextTurn();
    const steps = planBetween(before, state);
    await nextTurn();
    await make(state, steps);
    return true;
  }

  async function make(state: DesiredState, steps: readonly Step[]): Promise<void> {
    applied = null;
    reached = null;
    const outcome = await kernel.apply(state, steps);
    await parts.keep?.(state);
    const hasFailed = (kind: Step['kind']) => steps.some((step) => step.kind === kind) && !outcome.done.has(kind);
    // Until batch and flows are through, nobody knows what is in force: the next pass replaces everything in place.
    applied = hasFailed('apply-ruleset') || hasFailed('forget-flows') ? null : state.ruleset;
    drift.settled(state, outcome);
    if (outcome.failures.length > 0) throw new ApplyFailed(outcome.failures.join('; '));
    reached = state;
    if (steps.length > 0) log.info({ steps: steps.map(({ kind }) => kind), peers: allPeers(state).length }, 'network brought to its desired state');
  }

  /** Whatever comes first: the delay, or the next change that comes by itself, even while another one fails. */
  function wakeIn(delayMs: number): void {
    cancelWake();
    const untilChangeMs = nextChangeAt === null ? Number.POSITIVE_INFINITY : nextChangeAt.getTime() - clock.now().getTime();
    // A change that is past and still not made has failed; only its retry is due.
    const wakeMs = untilChangeMs > 0 || delayMs === Number.POSITIVE_INFINITY ? Math.min(delayMs, untilChangeMs) : delayMs;
    cancelWake = wakeMs === Number.POSITIVE_INFINITY ? () => {} : clock.after(Math.max(wakeMs, 0), () => void request());
  }

  return {
    async start() {
      await request();
      drift.start();
    },
    stop() {
      isStopped = true;
      cancelWake();
      drift.stop();
    },
    request,
    settled: async () => next ?? current ?? status,
    status: () => (current || next ? { kind: 'pending' } : status),
    drift: drift.records,
    driftCount: drift.count,
    peers: () => kernel.peers(name),
    traffic: () => kernel.traffic(name),
    ruleset: () => kernel.listing(),
  };
}

function union(one: Dirty, other: Dirty): Dirty {
  if (one === NOTHING || one === other) return other;
  return typeof one === 'string' || typeof other === 'string' ? 'all' : new Set([...one, ...other]);
}

/** The reconciler of a machine without a data plane: nothing is ever applied, and it says why. */
export function createIdleReconciler(why: string): Reconciler {
  const status: NetworkStatus = { kind: 'off', why };
  return {
    start: async () => {},
    stop: () => {},
    request: async () => status,
    settled: async () => status,
    status: () => status,
    drift: () => [],
    driftCount: () => 0,
    peers: async () => new Map(),
    traffic: async () => ({ peerCount: 0, met: [] }),
    ruleset: async () => null,
  };
}
