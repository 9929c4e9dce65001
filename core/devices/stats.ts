import { eq } from 'drizzle-orm';
import { among } from '../db/among.ts';
import type { Db, Queries } from '../db/open.ts';
import { messageOf } from '../errors.ts';
import type { EventBus, Moved, Poll } from '../events/bus.ts';
import type { Job } from '../jobs/jobs.ts';
import type { DeviceId, PublicKey, UserId } from '../net/inputs.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import { nextTurn } from '../system/turn.ts';
import { ONLINE_WITHIN_MS } from './describe.ts';
import { devices } from './tables.ts';

interface PeerStats extends Moved {
  readonly publicKey: PublicKey;
  readonly endpoint: string | null;
  readonly latestHandshake: Date | null;
}

/** What a device has moved since it was last written down. */
export interface Movement extends Moved {
  readonly deviceId: DeviceId;
  readonly userId: UserId;
}

/** Writes movements down in the very transaction that remembers the counters, so that none is lost or counted twice. */
export type MovementRecorder = (tx: Queries, movements: readonly Movement[], at: Date) => Promise<void>;

export interface Stats {
  readonly job: Job;
  /** What the last look at the interface showed. */
  latest(): Poll | null;
}

interface StatsParts {
  readonly db: Db;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly log: Log;
  /** Throws when the interface cannot be read: that is not the same as no peers. */
  readonly traffic: () => Promise<{ readonly peerCount: number; readonly met: readonly PeerStats[] }>;
  /** Whether somebody looks at rates now. */
  readonly isWatched: () => boolean;
  readonly recorders: () => readonly MovementRecorder[];
}

/** How often the interface is read while somebody looks. */
const WATCHED_MS = 2_000;
/** How often it is read otherwise, and the database written. */
const WRITE_MS = 60_000;
/** In one transaction; other work has its turn after it. */
const WRITTEN_AT_ONCE = 50;
const FOUND_AT_ONCE = 500;
const IDENTITY = { publicKey: devices.publicKey, id: devices.id, userId: devices.userId };

/** Reads the interface's peers with one `wg show … dump` a poll: rates for those who look, and once a minute a write of what changed. */
export function createStats({ db, events, clock, log, traffic, isWatched, recorders }: StatsParts): Stats {
  /** The poll before; null until there was one. */
  let before: ReadonlyMap<PublicKey, PeerStats> | null = null;
  /** What the database knows of those who are there. */
  const written = new Map<PublicKey, PeerStats>();
  /** Moved since it was written. */
  const unwritten = new Map<PublicKey, Moved>();
  /** Were there when this process began, so that what they have moved is told by the database's counters alone. */
  const inherited = new Set<PublicKey>();
  const owners = new Map<PublicKey, { readonly id: DeviceId; readonly userId: UserId }>();
  // A key may come back with another's device.
  for (const name of ['device.deleted', 'user.deleted'] as const) events.on(name, () => owners.clear());
  let writtenAtMs = Number.NEGATIVE_INFINITY;
  let latest: Poll | null = null;

  async function poll(now: Date): Promise<void> {
    const shown = await traffic();
    const met = new Map(shown.met.map((peer) => keep(peer, before?.get(peer.publicKey))));
    for (const known of [written, unwritten, inherited, owners]) for (const key of known.keys()) if (!met.has(key)) known.delete(key);
    const rates = await measure(met, now);
    const all = [...met.values()];
    latest = { at: now, peerCount: shown.peerCount, onlineCount: all.filter((peer) => isOnline(peer, now)).length, latestHandshake: newest(all), rates };
    before = met;
    events.emit('peers.polled', latest);
    const isFull = now.getTime() - writtenAtMs >= WRITE_MS;
    const isDue = (peer: PeerStats, known = written.get(peer.publicKey)) => (isFull ? hasChanged(peer, known) : cameOnline(peer, known, now));
    const due = all.filter((peer) => isDue(peer));
    if (due.length > 0) await write(due, now);
    if (isFull) writtenAtMs = now.getTime();
  }

  /** Adds up what was moved since the poll before, and answers it by the second. */
  async function measure(met: ReadonlyMap<PublicKey, PeerStats>, now: Date): Promise<Poll['rates']> {
    const rates = new Map<DeviceId, Moved & { readonly userId: UserId }>();
    if (before === null || latest === null) {
      for (const key of met.keys()) inherited.add(key);
      return rates;
    }
    const seconds = Math.max((now.getTime() - latest.at.getTime()) / 1_000, 1);
    const moving = new Map<PublicKey, Moved>();
    for (const peer of met.values()) {
      const moved = movedSince(before.get(peer.publicKey), peer);
      if (moved.rxBytes + moved.txBytes === 0) continue;
      moving.set(peer.publicKey, moved);
      unwritten.set(peer.publicKey, sum(unwritten.get(peer.publicKey), moved));
    }
    await findOwners([...moving.keys()].filter((key) => !owners.has(key)));
    for (const [key, { rxBytes, txBytes }] of moving) {
      const owner = owners.get(key);
      if (owner) rates.set(owner.id, { userId: owner.userId, rxBytes: rxBytes / seconds, txBytes: txBytes / seconds });
    }
    return rates;
  }

  async function findOwners(keys: readonly PublicKey[]): Promise<void> {
    for (let index = 0; index < keys.length; index += FOUND_AT_ONCE) {
      const found = await db
        .select(IDENTITY)
        .from(devices)
        .where(among(devices.publicKey, keys.slice(index, index + FOUND_AT_ONCE)));
      for (const { publicKey, id, userId } of found) owners.set(publicKey, { id, userId });
      await nextTurn();
    }
  }

  async function write(due: readonly PeerStats[], now: Date): Promise<void> {
    const movements: Movement[] = [];
    for (let index = 0; index < due.length; index += WRITTEN_AT_ONCE) {
      const part = due.slice(index, index + WRITTEN_AT_ONCE);
      movements.push(...(await writeWithOrWithoutRecorders(part, now)));
      for (const peer of part) {
        written.set(peer.publicKey, peer);
        unwritten.delete(peer.publicKey);
        inherited.delete(peer.publicKey);
      }
      await nextTurn();
    }
    events.emit('stats.changed', movements.reduce<Moved>(sum, NOTHING));
  }

  /** A recorder that is broken keeps nobody from seeing who is connected. */
  async function writeWithOrWithoutRecorders(part: readonly PeerStats[], now: Date): Promise<readonly Movement[]> {
    try {
      return await writePart(part, now, recorders());
    } catch (error) {
      log.error({ error: messageOf(error) }, 'traffic could not be recorded');
      return writePart(part, now, []);
    }
  }

  function writePart(part: readonly PeerStats[], now: Date, to: readonly MovementRecorder[]): Promise<readonly Movement[]> {
    return db.transaction(async (tx) => {
      const movements: Movement[] = [];
      const keys = part.map(({ publicKey }) => publicKey);
      const found = await tx
        .select({ ...IDENTITY, rxBytes: devices.rxBytes, txBytes: devices.txBytes })
        .from(devices)
        .where(among(devices.publicKey, keys));
      const known = new Map(found.map((device) => [device.publicKey, device]));
      for (const { publicKey, endpoint, latestHandshake, rxBytes, txBytes } of part) {
        const device = known.get(publicKey);
        if (!device) continue;
        await tx
          .update(devices)
          .set({ remoteIp: addressOf(endpoint), latestHandshake, rxBytes, txBytes })
          .where(eq(devices.id, device.id));
        const moved = inherited.has(publicKey) ? movedSince(device, { rxBytes, txBytes }) : (unwritten.get(publicKey) ?? NOTHING);
        if (moved.rxBytes + moved.txBytes > 0) movements.push({ deviceId: device.id, userId: device.userId, ...moved });
      }
      if (movements.length > 0) for (const record of to) await record(tx, movements, now);
      return movements;
    });
  }

  return {
    latest: () => latest,
    job: {
      id: 'stats',
      everyMs: WATCHED_MS,
      deadlineMs: 30_000,
      async run() {
        const now = clock.now();
        if (isWatched() || now.getTime() - writtenAtMs >= WRITE_MS) await poll(now);
      },
    },
  };
}

const NOTHING: Moved = { rxBytes: 0, txBytes: 0 };

function sum(one: Moved | undefined, other: Moved): Moved {
  return { rxBytes: (one?.rxBytes ?? 0) + other.rxBytes, txBytes: (one?.txBytes ?? 0) + other.txBytes };
}

/** Only what is needed, in texts of its own: a part of the dump would keep the whole dump in memory. */
function keep({ publicKey, endpoint, latestHandshake, rxBytes, txBytes }: PeerStats, known: PeerStats | undefined): [PublicKey, PeerStats] {
  const key = known?.publicKey ?? (copied(publicKey) as PublicKey);
  const from = known?.endpoint === endpoint ? known.endpoint : endpoint && copied(endpoint);
  return [key, { publicKey: key, endpoint: from, latestHandshake, rxBytes, txBytes }];
}

function copied(text: string): string {
  return Buffer.from(text).toString();
}

/**
 * Bytes since the counters stood at `start`. A counter that went back began anew at zero, and its sister with it: the peer was
 * removed and added, or the whole interface.
 */
function movedSince(start: Moved | undefined, now: Moved): Moved {
  const isContinued = start !== undefined && now.rxBytes >= start.rxBytes && now.txBytes >= start.txBytes;
  return { rxBytes: now.rxBytes - (isContinued ? start.rxBytes : 0), txBytes: now.txBytes - (isContinued ? start.txBytes : 0) };
}

function hasChanged(peer: PeerStats, known: PeerStats | undefined): boolean {
  return (
    known === undefined ||
    known.endpoint !== peer.endpoint ||
    known.latestHandshake?.getTime() !== peer.latestHandshake?.getTime() ||
    known.rxBytes !== peer.rxBytes ||
    known.txBytes !== peer.txBytes
  );
}

function cameOnline(peer: PeerStats, known: PeerStats | undefined, now: Date): boolean {
  return isOnline(peer, now) && (known === undefined || !isOnline(known, now));
}

function isOnline({ latestHandshake }: PeerStats, now: Date): boolean {
  return latestHandshake !== null && now.getTime() - latestHandshake.getTime() < ONLINE_WITHIN_MS;
}

function newest(peers: readonly PeerStats[]): Date | null {
  return peers.reduce<Date | null>((last, { latestHandshake: at }) => (at !== null && (last === null || at > last) ? at : last), null);
}

/** `192.0.2.1:51820` and `[2001:db8::1]:51820` without the port. */
function addressOf(endpoint: string | null): string | null {
  return endpoint?.replace(/:\d+$/, '').replace(/^\[|\]$/g, '') ?? null;
}
