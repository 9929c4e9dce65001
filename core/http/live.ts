import type { PassThrough, Readable } from 'node:stream';
import { type Actor, allows } from '../accounts/permissions.ts';
import type { EventBus, Poll } from '../events/bus.ts';
import type { UserId } from '../net/inputs.ts';
import type { Clock } from '../system/clock.ts';
import { openEventStream } from './event-stream.ts';

/** Tells open pages that something they show has changed (server-sent events, WHATWG HTML §9.2). */
export interface Live {
  /** The stream of one browser; it ends by itself, and the browser comes back and is authenticated anew. */
  open(actor: Actor, options?: LiveOptions): Readable;
  /** Whether somebody looks at rates. */
  isWatched(): boolean;
  closeAll(): void;
}

interface LiveOptions {
  /** `total` and ids of devices whose rates the page shows, with spaces between; empty for all that the actor may see. */
  readonly rates?: string | null;
  /** When what the page says of the VPN session next changes by itself. */
  readonly nextNotice?: (now: Date) => Date | null;
}

type LiveTopic = 'devices' | 'users' | 'network' | 'notifications' | 'plugins' | 'vpn-session';

const LONGEST_MS = 5 * 60_000;
/** Bursts become one message. */
const GATHER_MS = 200;

interface Listener {
  readonly actor: Actor;
  readonly stream: PassThrough;
  readonly topics: Set<LiveTopic>;
  /** Null: none. */
  readonly wanted: 'all' | ReadonlySet<string> | null;
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
    const everybodys = ratesOf(rates, () => true);
    for (const { actor, stream, wanted } of listeners) {
      // Whoever reads too slowly misses some.
      if (wanted === null || stream.writableEnded || stream.writableNeedDrain) continue;
      stream.write(ratesMessage(allows(actor, 'devices.manage') ? everybodys : ratesOf(rates, ({ userId }) => userId === actor.userId), wanted));
    }
  });
  // The stream of somebody disabled, demoted or signed out ends; the next one is refused.
  events.on('session.ended', ({ userId }) => endWhere((actor) => actor.userId === userId));
  events.on('user.changed', ({ userId }) => endWhere((actor) => actor.userId === userId));
  events.on('user.deleted', ({ userId }) => endWhere((actor) => actor.userId === userId));
  // These decide how long VPN sessions last; the next stream counts anew.
  events.on('user.signed-in', ({ userId }) => endWhere((actor) => actor.userId === userId));
  events.on('settings.changed', ({ section }) => endWhere(() => section === 'security'));

  function endWhere(concerns: (actor: Actor) => boolean): void {
    for (const listener of listeners) {
      if (!concerns(listener.actor)) continue;
      deliver(listener);
      listener.stream.end();
    }
  }

  /** The cancelling of it is the answer. */
  function tellOfVpnSession(listener: Listener, nextNotice: NonNullable<LiveOptions['nextNotice']>): () => void {
    let cancel = () => {};
    const wait = () => {
      const now = clock.now();
      const next = nextNotice(now);
      if (next === null || next.getTime() - now.getTime() > LONGEST_MS) return;
      cancel = clock.after(next.getTime() - now.getTime(), () => {
        listener.topics.add('vpn-session');
        deliver(listener);
        wait();
      });
    };
    wait();
    return () => cancel();
  }

  return {
    isWatched: () => [...listeners].some(({ wanted }) => wanted !== null),
    open(actor, { rates = null, nextNotice = () => null } = {}) {
      const onClose = () => {
        listeners.delete(listener);
        stopTelling();
      };
      const stream = openEventStream(clock, { longestMs: LONGEST_MS, onClose });
      const listener: Listener = { actor, stream, topics: new Set(), wanted: rates === '' ? 'all' : rates === null ? null : new Set(rates.split(' ')) };
      const stopTelling = tellOfVpnSession(listener, nextNotice);
      listeners.add(listener);
      return stream;
    },
    closeAll: () => endWhere(() => true),
  };
}

type Rate = readonly [received: number, sent: number];

interface Rates {
  readonly total: Rate;
  /** Devices that move something. */
  readonly devices: ReadonlyMap<string, Rate>;
}

/** In whole bytes a second, of those that are chosen. */
function ratesOf(rates: Poll['rates'], isChosen: (of: { readonly userId: UserId }) => boolean): Rates {
  const chosen = [...rates].filter(([, rate]) => isChosen(rate));
  const devices = new Map(chosen.map(([id, { rxBytes, txBytes }]): [string, Rate] => [id, [Math.round(rxBytes), Math.round(txBytes)]]));
  return { devices, total: [...devices.values()].reduce<Rate>(([rx, tx], [alsoRx, alsoTx]) => [rx + alsoRx, tx + alsoTx], [0, 0]) };
}

function ratesMessage({ total, devices }: Rates, wanted: 'all' | ReadonlySet<string>): string {
  const shown = wanted === 'all' ? [...devices] : [...wanted].map((id) => [id, devices.get(id)] as const);
  // What is undefined is left out.
  return `event: rates\ndata: ${JSON.stringify({ total, devices: Object.fromEntries(shown) })}\n\n`;
}

function deliver({ stream, topics }: Listener): void {
  if (stream.writableEnded) return;
  for (const topic of topics) stream.write(`event: ${topic}\ndata: {}\n\n`);
  topics.clear();
}
