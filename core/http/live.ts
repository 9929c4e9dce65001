import { PassThrough, type Readable } from 'node:stream';
import { type Actor, allows } from '../accounts/permissions.ts';
import type { EventBus, Poll } from '../events/bus.ts';
import type { UserId } from '../net/inputs.ts';
import type { Clock } from '../system/clock.ts';

/** Tells open pages that something they show has changed (server-sent events, WHATWG HTML §9.2). */
export interface Live {
  /** The stream of one browser; it ends by itself, and the browser comes back and is authenticated anew. */
  open(actor: Actor, options?: { readonly wantsRates?: boolean }): Readable;
  /** Whether somebody looks at rates. */
  isWatched(): boolean;
  closeAll(): void;
}

export type LiveTopic = 'devices' | 'users' | 'network' | 'notifications' | 'plugins';

const HEARTBEAT_MS = 20_000;
const LONGEST_MS = 5 * 60_000;
/** Bursts become one message. */
const GATHER_MS = 200;

interface Listener {
  readonly actor: Actor;
  readonly stream: PassThrough;
  readonly topics: Set<LiveTopic>;
  readonly wantsRates: boolean;
}

export function createLive(events: EventBus, clock: Clock): Live {
  const listeners = new Set<Listener>();
  let isGathering = false;

  function publish(topic: LiveTopic, concerns: (actor: Actor) => boolean): void {
    for (const listener of listeners) if (concerns(listener.actor)) listener.topics.add(topic);
    if (isGathering || listeners.size === 0) return;
    isGathering = true;
    clock.after(GATHER_MS, () => {
      isGathering = false;
      for (const listener of listeners) deliver(listener);
    });
  }

  const ofUser = (userId: UserId, permission: string) => (actor: Actor) => actor.userId === userId || allows(actor, permission);
  const admins = (permission: string) => (actor: Actor) => allows(actor, permission);
  events.on('device.changed', ({ userId }) => publish('devices', ofUser(userId, 'devices.manage')));
  events.on('device.deleted', ({ userId }) => publish('devices', ofUser(userId, 'devices.manage')));
  events.on('user.changed', ({ userId }) => publish('users', ofUser(userId, 'users.manage')));
  events.on('user.deleted', () => publish('users', admins('users.manage')));
  events.on('stats.changed', () => publish('devices', () => true));
  events.on('network.changed', () => publish('network', () => true));
  events.on('notification.raised', () => publish('notifications', admins('diagnostics.read')));
  events.on('notifications.changed', () => publish('notifications', admins('diagnostics.read')));
  events.on('plugins.changed', () => publish('plugins', admins('plugins.manage')));
  events.on('peers.polled', ({ rates }) => {
    const everybodys = ratesMessage(rates);
    for (const { actor, stream, wantsRates } of listeners) {
      // Whoever reads too slowly misses some.
      if (!wantsRates || stream.writableEnded || stream.writableNeedDrain) continue;
      stream.write(allows(actor, 'devices.manage') ? everybodys : ratesMessage(ratesOf(rates, actor.userId)));
    }
  });
  // The stream of somebody disabled, demoted or signed out ends; the next one is refused.
  events.on('session.ended', ({ userId }) => endWhere((actor) => actor.userId === userId));
  events.on('user.changed', ({ userId }) => endWhere((actor) => actor.userId === userId));
  events.on('user.deleted', ({ userId }) => endWhere((actor) => actor.userId === userId));

  function endWhere(concerns: (actor: Actor) => boolean): void {
    for (const listener of listeners) {
      if (!concerns(listener.actor)) continue;
      deliver(listener);
      listener.stream.end();
    }
  }

  return {
    isWatched: () => [...listeners].some(({ wantsRates }) => wantsRates),
    open(actor, { wantsRates = false } = {}) {
      const stream = new PassThrough();
      const listener: Listener = { actor, stream, topics: new Set(), wantsRates };
      const stopBeating = beat(clock, stream);
      const stopWaiting = clock.after(LONGEST_MS, () => stream.end());
      listeners.add(listener);
      stream.write('retry: 2000\n\n');
      stream.on('close', () => {
        listeners.delete(listener);
        stopBeating();
        stopWaiting();
      });
      return stream;
    },
    closeAll: () => endWhere(() => true),
  };
}

/** Bytes a second, received and sent by this box: of all together, and of each device that moves something. */
function ratesMessage(rates: Poll['rates']): string {
  const devices = [...rates].map(([id, { rxBytes, txBytes }]) => [id, [Math.round(rxBytes), Math.round(txBytes)] as const] as const);
  const sum = (at: 0 | 1) => devices.reduce((total, [, rate]) => total + rate[at], 0);
  return `event: rates\ndata: ${JSON.stringify({ total: [sum(0), sum(1)], devices: Object.fromEntries(devices) })}\n\n`;
}

function ratesOf(rates: Poll['rates'], userId: UserId | null): Poll['rates'] {
  return new Map([...rates].filter(([, rate]) => rate.userId === userId));
}

function deliver({ stream, topics }: Listener): void {
  for (const topic of topics) stream.write(`event: ${topic}\ndata: {}\n\n`);
  topics.clear();
}

// Proxies and phones close what is silent for long.
function beat(clock: Clock, stream: PassThrough): () => void {
  let cancel = clock.after(HEARTBEAT_MS, tick);
  function tick(): void {
    stream.write(': \n\n');
    cancel = clock.after(HEARTBEAT_MS, tick);
  }
  return () => cancel();
}
