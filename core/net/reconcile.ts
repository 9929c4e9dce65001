import { ApplyFailed, messageOf } from '../errors.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { Watch } from '../system/run.ts';
import { type DesiredState, desired, withFragments } from './desired.ts';
import { createDriftWatch, type DriftRecord } from './drift.ts';
import type { FragmentKey, Fragments, NetworkInputs, PublicKey } from './inputs.ts';
import type { Keep } from './keep.ts';
import type { Kernel } from './kernel.ts';
import { plan, planRules, type Step } from './plan.ts';
import type { Ruleset } from './ruleset.ts';
import type { ObservedPeer } from './wg.ts';

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
   * Something the desired state depends on has changed, or nothing but the rules under these keys; resolves when a pass
   * that began after this is through.
   */
  request(keys?: readonly FragmentKey[]): Promise<NetworkStatus>;
  status(): NetworkStatus;
  /** Foreign changes that were put back, newest first. */
  drift(): readonly DriftRecord[];
  peers(): Promise<ReadonlyMap<PublicKey, ObservedPeer>>;
  ruleset(): Promise<string | null>;
}

interface ReconcilerParts {
  readonly load: () => Promise<NetworkInputs>;
  /** The rules under these keys. */
  readonly loadFragments: (keys: readonly FragmentKey[]) => Promise<Fragments>;
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

/** Makes the kernel agree with the database: one pass at a time; requests during a pass share the next one. */
export function createReconciler(parts: ReconcilerParts): Reconciler {
  const { load, loadFragments, kernel, clock, log, onChange } = parts;
  let status: NetworkStatus = { kind: 'pending' };
  /** What our table holds by our own doing; null when that is not known. */
  let applied: Ruleset | null = null;
  /** The state that the last pass brought about; null when it failed. */
  let reached: DesiredState | null = null;
  /** What the next pass must look at: everything, or the rules under these keys. */
  let dirty: 'all' | Set<FragmentKey> = new Set();
  let name = '';
  let nextChangeAt: Date | null = null;
  let current: Promise<NetworkStatus> | null = null;
  let next: Promise<NetworkStatus> | null = null;
  let cancelWake = () => {};
  let retryMs = RETRY_FIRST_MS;
  let isStopped = false;

  const drift = createDriftWatch({ ...parts, isBusy: () => current !== null, request });

  function request(keys?: readonly FragmentKey[]): Promise<NetworkStatus> {
    if (keys === undefined || dirty === 'all') dirty = 'all';
    else for (const key of keys) dirty.add(key);
    if (next) return next;
    if (!current) return begin();
    next = current.then(begin, begin);
    return next;
  }

  function begin(): Promise<NetworkStatus> {
    next = null;
    const asked = dirty;
    dirty = new Set();
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

  async function pass(asked: 'all' | ReadonlySet<FragmentKey>): Promise<NetworkStatus> {
    cancelWake();
    if (isStopped) return status;
    const begun = performance.now();
    const ended = (isOk: boolean) => parts.onPass?.(performance.now() - begun, isOk);
    try {
      if (asked !== 'all' && reached !== null && applied !== null && !drift.table.isSuspect()) await bringRules(reached, applied, [...asked]);
      else await bringAll();
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

  async function bringAll(): Promise<void> {
    const inputs = await load();
    name = inputs.interface.name;
    const state = desired(inputs, clock.now());
    nextChangeAt = state.nextChangeAt;
    const [here, table] = await Promise.all([kernel.observe(name), drift.table.look(state.ruleset, applied)]);
    const steps = plan(state, { ...here, ...table });
    drift.judge(state, here);
    await make(state, steps);
  }

  /** With ten thousand users only the rules of those few are read, compared and written. */
  async function bringRules(before: DesiredState, ruleset: Ruleset, keys: readonly FragmentKey[]): Promise<void> {
    const state = withFragments(before, keys, await loadFragments(keys));
    await make(state, planRules(state, ruleset));
  }

  async function make(state: DesiredState, steps: readonly Step[]): Promise<void> {
    applied = null;
    reached = null;
    const outcome = await kernel.apply(state, steps);
    parts.keep?.(state);
    const hasFailed = (kind: Step['kind']) => steps.some((step) => step.kind === kind) && !outcome.done.has(kind);
    // Until batch and flows are through, nobody knows what is in force: the next pass replaces everything in place.
    applied = hasFailed('apply-ruleset') || hasFailed('forget-flows') ? null : state.ruleset;
    drift.settled(state, outcome);
    if (outcome.failures.length > 0) throw new ApplyFailed(outcome.failures.join('; '));
    reached = state;
    if (steps.length > 0) log.info({ steps: steps.map(({ kind }) => kind), peers: state.peers.size }, 'network brought to its desired state');
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
    status: () => (current || next ? { kind: 'pending' } : status),
    drift: drift.records,
    peers: () => kernel.peers(name),
    ruleset: () => kernel.listing(),
  };
}

/** The reconciler of a machine without a data plane: nothing is ever applied, and it says why. */
export function createIdleReconciler(why: string): Reconciler {
  const status: NetworkStatus = { kind: 'off', why };
  return {
    start: async () => {},
    stop: () => {},
    request: async () => status,
    status: () => status,
    drift: () => [],
    peers: async () => new Map(),
    ruleset: async () => null,
  };
}
