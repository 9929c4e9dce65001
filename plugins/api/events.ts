import type { PassThrough } from 'node:stream';
import { type Actor, allows, type EventName, type Host, type Operation, openEventStream, TooManyRequests } from '#core';
import { text } from './text.ts';
import { toWire } from './wire.ts';

interface Needs extends Pick<Host, 'events' | 'clock'> {
  /** Until when the actor's token lets them listen; null: no longer. */
  readonly aliveUntil: (actor: Actor) => Promise<Date | null>;
}

type Event = Readonly<Record<string, unknown>>;

/** What is told, and to whom beside the user it is about. */
const TOLD: Readonly<Partial<Record<EventName, string>>> = {
  'user.changed': 'users.manage',
  'user.deleted': 'users.manage',
  'user.signed-in': 'users.manage',
  'device.changed': 'devices.manage',
  'device.deleted': 'devices.manage',
  'rules.changed': 'rules.manage',
  'session.ended': 'users.manage',
  'notification.raised': 'diagnostics.read',
};
/** Of one user at a time. */
const MOST_STREAMS = 10;
const RETRY_SECONDS = 20;
/** Then the caller comes back, and is asked who it is anew. */
const LONGEST_MS = 10 * 60_000;
/** Whoever leaves more than this unread is not listening. */
const MOST_UNREAD_BYTES = 262_144;

export interface Changes {
  readonly operation: Operation;
  /** Ends the user's streams whose token is gone. */
  askAgain(userId: string): void;
  stop(): void;
}

/** `GET /events`: what changes, as it changes (server-sent events, WHATWG HTML §9.2). */
export function createChanges({ events, clock, aliveUntil }: Needs): Changes {
  const listeners = new Map<PassThrough, Actor>();
  const stops = Object.entries(TOLD).map(([name, permission]) => events.on(name as EventName, (event) => tell(name, permission, event)));
  // Whoever is disabled, demoted or deleted is asked anew who they are.
  stops.push(
    events.on('user.changed', ({ userId }) => endOf(userId)),
    events.on('user.deleted', ({ userId }) => endOf(userId)),
  );

  function tell(name: string, permission: string, event: Event): void {
    const message = `event: ${name}\ndata: ${JSON.stringify(toWire(event))}\n\n`;
    for (const [stream, actor] of listeners) if (mayKnow(actor, permission, event)) send(stream, message);
  }

  function endOf(userId: string): void {
    for (const [stream, actor] of listeners) if (actor.userId === userId) stream.end();
  }

  async function endIfDead(stream: PassThrough, actor: Actor): Promise<void> {
    if ((await aliveUntil(actor)) === null) stream.end();
  }

  async function open(actor: Actor): Promise<PassThrough> {
    const until = (await aliveUntil(actor))?.getTime() ?? 0;
    const mine = [...listeners.values()].filter(({ userId }) => userId === actor.userId).length;
    if (mine >= MOST_STREAMS) throw new TooManyRequests(text.tooManyStreams(MOST_STREAMS), RETRY_SECONDS);
    const stream = openEventStream(clock, {
      longestMs: Math.min(LONGEST_MS, until - clock.now().getTime()),
      // Another process may have revoked the token: nobody tells of that.
      onBeat: () => void endIfDead(stream, actor),
      onClose: () => listeners.delete(stream),
    });
    listeners.set(stream, actor);
    return stream;
  }

  return {
    operation: {
      id: 'stream-events',
      tag: 'Events',
      method: 'GET',
      path: '/events',
      permission: 'account.own',
      summary: 'What changes, as it changes: everything for administrators, else what is about oneself',
      type: 'text/event-stream',
      handle: async ({ actor }) => ({ body: await open(actor) }),
    },
    askAgain(userId) {
      for (const [stream, actor] of listeners) if (actor.userId === userId) void endIfDead(stream, actor);
    },
    stop() {
      for (const stop of stops) stop();
      for (const stream of listeners.keys()) stream.end();
    },
  };
}

/** Rules of one user are the administrators' business all the same. */
function mayKnow(actor: Actor, permission: string, event: Event): boolean {
  return allows(actor, permission) || (actor.userId !== null && event['userId'] === actor.userId && permission !== 'rules.manage');
}

function send(stream: PassThrough, message: string): void {
  if (stream.writableEnded) return;
  if (stream.writableLength > MOST_UNREAD_BYTES) stream.end();
  else stream.write(message);
}
