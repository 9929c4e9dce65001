import { createHash } from 'node:crypto';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { Watch } from '../system/run.ts';
import type { DesiredState } from './desired.ts';
import type { Kernel } from './kernel.ts';
import type { Observed, Step } from './plan.ts';
import type { Ruleset } from './ruleset.ts';

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
  records(): readonly DriftRecord[];
  /** The ruleset we applied, if our table still lists as it did then; else null. */
  trusted(applied: Ruleset | null): Promise<Ruleset | null>;
  /** Compares what was observed with what we left behind, and records what somebody else has done. */
  judge(state: DesiredState, observed: Observed): void;
  /** What we leave behind now. */
  settled(state: DesiredState, steps: readonly Step[]): void;
}

const KEPT = 50;
const POLL_MS = 10_000;
/** Events come in bursts, and our own come too. */
const GATHER_MS = 100;

/** Notices what others change: `nft monitor` and `ip monitor` at once, and a slow look at everything (wg has no monitor). */
export function createDriftWatch({ kernel, watch, clock, log, onChange, isBusy, request }: DriftParts): DriftWatch {
  const records: DriftRecord[] = [];
  const stops: (() => void)[] = [];
  let left: DesiredState | null = null;
  /** How our table listed right after our last change of it. */
  let leftListing: Promise<string> | null = null;
  let isSuspect = false;
  let isGathering = false;

  function note(what: string): void {
    records.unshift({ at: clock.now(), what });
    records.splice(KEPT);
    log.warn({ what }, 'foreign change to the network repaired');
    onChange();
  }

  function suspect(): void {
    if (isBusy() || isGathering) return;
    isGathering = true;
    stops.push(
      clock.after(GATHER_MS, () => {
        isGathering = false;
        isSuspect = true;
        void request();
      }),
    );
  }

  function poll(): void {
    const cancel = clock.after(POLL_MS, () => {
      stops.splice(stops.indexOf(cancel), 1);
      isSuspect = true;
      void request();
      poll();
    });
    stops.push(cancel);
  }

  return {
    records: () => records,
    start() {
      stops.push(
        watch(
          ['nft', 'monitor'],
          (line) => line.includes('inet wiregui') && suspect(),
          () => {},
        ),
      );
      stops.push(watch(['ip', 'monitor', 'address', 'link', 'route'], suspect, () => {}));
      poll();
    },
    stop() {
      for (const stop of stops.splice(0)) stop();
    },
    async trusted(applied) {
      if (applied === null || !isSuspect) return applied;
      isSuspect = false;
      if (digest(await kernel.listing()) === (await leftListing)) return applied;
      note('the nft table inet wiregui was changed');
      return null;
    },
    judge(state, observed) {
      if (left === null || left.interface.name !== state.interface.name) return;
      for (const what of foreignChanges(left, observed)) note(what);
    },
    settled(state, steps) {
      left = state;
      // Not awaited here: with ten thousand users listing takes longer than changing.
      if (steps.some((step) => step.kind === 'apply-ruleset')) leftListing = kernel.listing().then(digest, () => '');
    },
  };
}

function foreignChanges({ interface: wanted, peers, routes }: DesiredState, { link, wg, missingForwarding }: Observed): readonly string[] {
  const { name } = wanted;
  if (link === null) return [`the interface ${name} was deleted`];
  return [
    ...missingForwarding.map((sysctl) => `${sysctl} was switched off`),
    ...wanted.addresses.filter((address) => !link.addresses.includes(address)).map((address) => `the address ${address} was removed from ${name}`),
    ...link.addresses.filter((address) => !wanted.addresses.includes(address)).map((address) => `the address ${address} was added to ${name}`),
    ...(link.isUp ? [] : [`${name} was taken down`]),
    ...(link.mtu === wanted.mtu ? [] : [`the MTU of ${name} was set to ${link.mtu}`]),
    ...routes.filter((route) => !link.routes.includes(route)).map((route) => `the route ${route} was removed`),
    ...(wg && (wg.listenPort !== wanted.listenPort || wg.privateKey !== wanted.privateKey) ? [`key or port of ${name} were changed`] : []),
    ...[...peers.keys()].filter((key) => !wg?.peers.has(key)).map((key) => `the peer ${key} was removed`),
    ...[...(wg?.peers.keys() ?? [])].filter((key) => !peers.has(key)).map((key) => `the peer ${key} was added`),
  ];
}

function digest(listing: string | null): string {
  return createHash('sha256')
    .update(listing ?? '')
    .digest('hex');
}
