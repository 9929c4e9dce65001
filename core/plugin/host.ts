import type { Queries } from '../db/open.ts';
import { AppError, messageOf, NotFound } from '../errors.ts';
import type { EventName } from '../events/bus.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { FragmentKey, Fragments, NftRule } from '../net/inputs.ts';
import { checkFragments } from '../net/rule-text.ts';
import type { NetworkStore } from '../net/store.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';
import { type Host, type HostNetwork, operationSlot, type Parts, type Plugin, secondFactorSlot, signInSlot } from './contract.ts';
import { type Fill, fill, type Slot } from './slots.ts';
import type { PluginStates } from './states.ts';

export type PluginState =
  | { readonly kind: 'running' }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'off' }
  | { readonly kind: 'safe-mode' };

export interface PluginStatus {
  readonly plugin: Plugin;
  readonly state: PluginState;
}

export interface PluginHost {
  /** Starts every plugin that is on, in order; one that fails keeps nobody else from running. */
  startAll(isSafeMode: boolean): Promise<void>;
  /** Stops all in reverse order. */
  stopAll(): Promise<void>;
  /** Starts and stops what another process has switched on or off. */
  followStates(): Promise<void>;
  enable(id: string): Promise<PluginStatus>;
  disable(id: string): Promise<PluginStatus>;
  statuses(): readonly PluginStatus[];
  stateOf(id: string): PluginState | undefined;
  parts(): readonly Parts[];
  all<T>(place: Slot<T>): readonly T[];
  /** Takes back a provisional change; false while its plugin is not running. */
  revert(id: string, tx: Queries, undo: unknown): Promise<boolean>;
  /** The rules of all plugins, or those under these keys: computed by those that run, the last good ones of those that cannot. */
  fragments(keys?: readonly FragmentKey[]): Promise<Fragments>;
}

interface HostParts {
  readonly plugins: readonly Plugin[];
  readonly states: PluginStates;
  readonly services: Omit<Host, 'all' | 'network'>;
  readonly networkFor: (id: string) => HostNetwork;
  readonly jobs: Jobs;
  readonly network: Pick<NetworkStore, 'rememberFragments' | 'forgetFragments' | 'recallFragments'>;
  readonly migrate: (owner: string) => void;
  /** What core itself puts into slots. */
  readonly coreFills: () => readonly Fill[];
}

interface Running {
  readonly parts: Parts;
  readonly fills: readonly Fill[];
  readonly stops: readonly (() => void)[];
}

const DEADLINE_MS = { setup: 10_000, network: 5_000, stop: 5_000 };

export function createPluginHost({ plugins, states, services, networkFor, jobs, network, migrate, coreFills }: HostParts): PluginHost {
  const running = new Map<string, Running>();
  const state = new Map<string, PluginState>(plugins.map(({ manifest }) => [manifest.id, { kind: 'off' }]));

  /** Asked for at every request, changed when a plugin comes or goes. */
  let filled: readonly Fill[] | null = null;

  function all<T>(place: Slot<T>): readonly T[] {
    filled ??= [...coreFills(), ...ordered().flatMap(({ fills }) => fills)];
    return filled.filter((item) => item.slot.name === place.name).map((item) => item.value as T);
  }
  const ordered = () => plugins.flatMap(({ manifest }) => running.get(manifest.id) ?? []);

  function setState(id: string, next: PluginState): void {
    state.set(id, next);
    filled = null;
  }

  async function start(plugin: Plugin): Promise<void> {
    const { id } = plugin.manifest;
    try {
      migrate(id);
      const log = services.log.child({ plugin: id });
      const parts = await within(DEADLINE_MS.setup, services.clock, `${id} setup`, async () =>
        plugin.setup({ ...services, network: networkFor(id), log, all }),
      );
      running.set(id, { parts, fills: fillsOf(parts), stops: mount(id, parts) });
      setState(id, { kind: 'running' });
    } catch (error) {
      setState(id, { kind: 'failed', why: messageOf(error) });
      services.log.error({ plugin: id, error: messageOf(error) }, 'plugin failed to start');
    }
  }

  function mount(id: string, parts: Parts): (() => void)[] {
    const listeners = Object.entries(parts.on ?? {}) as [EventName, () => void][];
    const routes = parts.pages?.() ?? [];
    const unguarded = routes.find((route) => !route.permission);
    if (unguarded) throw new AppErrorInPlugin(`${unguarded.method} ${unguarded.path} names no permission`);
    return [
      ...listeners.map(([name, listener]) => services.events.on(name, listener)),
      ...(parts.jobs ?? []).map((job) => jobs.start({ ...job, id: `${id}:${job.id}` })),
    ];
  }

  async function stop(plugin: Plugin): Promise<void> {
    const active = running.get(plugin.manifest.id);
    if (!active) return;
    running.delete(plugin.manifest.id);
    filled = null;
    for (const end of active.stops) end();
    try {
      await within(DEADLINE_MS.stop, services.clock, `${plugin.manifest.id} stop`, async () => active.parts.stop?.());
    } catch (error) {
      services.log.warn({ plugin: plugin.manifest.id, error: messageOf(error) }, 'plugin did not stop cleanly');
    }
  }

  async function switchOff(plugin: Plugin): Promise<void> {
    const { id } = plugin.manifest;
    await stop(plugin);
    setState(id, { kind: 'off' });
    await network.forgetFragments(id);
  }

  async function fragmentsOf({ manifest: { id } }: Plugin, keys: readonly FragmentKey[] | undefined): Promise<Fragments> {
    const active = running.get(id);
    if (state.get(id)?.kind === 'off') return new Map();
    if (active && !active.parts.network) return new Map();
    try {
      const compute = active?.parts.network;
      if (!compute) return await network.recallFragments(id, keys);
      const fragments = await within(DEADLINE_MS.network, services.clock, `${id} rules`, () => compute(keys));
      checkFragments(fragments);
      await network.rememberFragments(id, fragments, keys);
      return fragments;
    } catch (error) {
      // Never fail open: a broken firewall keeps the rules it had.
      services.log.error({ plugin: id, error: messageOf(error) }, 'plugin could not compute its rules; the last good ones stay');
      return network.recallFragments(id, keys);
    }
  }

  function find(id: string): Plugin {
    const plugin = plugins.find(({ manifest }) => manifest.id === id);
    if (!plugin) throw new NotFound(en.plugins.unknown);
    return plugin;
  }

  const statusOf = (plugin: Plugin): PluginStatus => ({ plugin, state: state.get(plugin.manifest.id) ?? { kind: 'off' } });

  return {
    all,
    parts: () => ordered().map(({ parts }) => parts),
    statuses: () => plugins.map(statusOf),
    stateOf: (id) => state.get(id),
    async startAll(isSafeMode) {
      for (const plugin of plugins) {
        const isEnabled = await states.isEnabled(plugin.manifest.id);
        if (!isEnabled) setState(plugin.manifest.id, { kind: 'off' });
        else if (isSafeMode) setState(plugin.manifest.id, { kind: 'safe-mode' });
        else await start(plugin);
      }
    },
    async stopAll() {
      for (const plugin of plugins.toReversed()) await stop(plugin);
    },
    async enable(id) {
      const plugin = find(id);
      await states.setEnabled(id, true);
      if (!running.has(id)) await start(plugin);
      services.events.emit('plugins.changed', {});
      return statusOf(plugin);
    },
    async disable(id) {
      const plugin = find(id);
      await states.setEnabled(id, false);
      await switchOff(plugin);
      services.events.emit('plugins.changed', {});
      return statusOf(plugin);
    },
    async followStates() {
      for (const plugin of plugins) {
        const { id } = plugin.manifest;
        const isEnabled = await states.isEnabled(id);
        const isOff = state.get(id)?.kind === 'off';
        if (isEnabled !== isOff) continue;
        await (isEnabled ? start(plugin) : switchOff(plugin));
        services.events.emit('plugins.changed', {});
      }
    },
    async revert(id, tx, undo) {
      const revert = running.get(id)?.parts.revert;
      if (!revert) return false;
      await revert(tx, undo);
      return true;
    },
    async fragments(keys) {
      const merged = new Map<FragmentKey, readonly NftRule[]>();
      for (const plugin of plugins) {
        for (const [key, rules] of await fragmentsOf(plugin, keys)) {
          const others = merged.get(key);
          merged.set(key, others ? [...others, ...rules] : rules);
        }
      }
      return merged;
    },
  };
}

class AppErrorInPlugin extends AppError {
  readonly code = 'plugin_broken';
  readonly status = 500;
}

function fillsOf(parts: Parts): readonly Fill[] {
  return [
    ...(parts.fills ?? []),
    ...(parts.api ?? []).map((operation) => fill(operationSlot, operation)),
    ...(parts.signIn ? [fill(signInSlot, parts.signIn)] : []),
    ...(parts.secondFactor ? [fill(secondFactorSlot, parts.secondFactor)] : []),
  ];
}

/** What `work` resolves to, or an error when it takes longer. */
async function within<T>(deadlineMs: number, clock: Clock, what: string, work: () => Promise<T>): Promise<T> {
  let cancel = () => {};
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(deadlineMs, () => reject(new AppErrorInPlugin(`${what} took longer than ${deadlineMs / 1_000} s`)));
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    cancel();
  }
}
