import { and, desc, eq, gte, inArray, lt, notInArray, sql } from 'drizzle-orm';
import { type Db, type DeviceId, devices, type Movement, type Queries, type ReadQueries, users } from '#core';
import { keptSince, RANGES, type Range, SPANS, startOf, startsIn } from './buckets.ts';
import { boxTraffic, deviceTraffic } from './tables.ts';

/** Whose traffic: a device's, all of a user's devices, or the box's. */
export type Scope = { readonly deviceId: string } | { readonly userId: string } | 'box';

export interface Bucket {
  readonly startsAt: Date;
  readonly rxBytes: number;
  readonly txBytes: number;
}

/** Adds what was moved to the buckets that are under way. */
export async function record(tx: Queries, movements: readonly Movement[], at: Date): Promise<void> {
  const sum = (of: 'rxBytes' | 'txBytes') => movements.reduce((total, moved) => total + moved[of], 0);
  const moved = { rxBytes: sum('rxBytes'), txBytes: sum('txBytes') };
  // Building the statement anew for each of a thousand devices takes longer than running it.
  const addToDevice = tx
    .insert(deviceTraffic)
    .values({ ...BUCKET, deviceId: sql.placeholder('deviceId') })
    .onConflictDoUpdate({ target: [deviceTraffic.span, deviceTraffic.startsAt, deviceTraffic.deviceId], set: sumsOf(deviceTraffic) })
    .prepare();
  for (const { seconds: span } of SPANS) {
    const startsAt = startOf(span, at);
    for (const { deviceId, rxBytes, txBytes } of movements) await addToDevice.execute({ span, startsAt, deviceId, rxBytes, txBytes });
    await tx
      .insert(boxTraffic)
      .values({ span, startsAt, ...moved })
      .onConflictDoUpdate({ target: [boxTraffic.span, boxTraffic.startsAt], set: sumsOf(boxTraffic) });
  }
}

const BUCKET = {
  span: sql.placeholder('span'),
  startsAt: sql.placeholder('startsAt'),
  rxBytes: sql.placeholder('rxBytes'),
  txBytes: sql.placeholder('txBytes'),
};

function sumsOf(table: typeof deviceTraffic | typeof boxTraffic) {
  return { rxBytes: sql`${table.rxBytes} + excluded.rx_bytes`, txBytes: sql`${table.txBytes} + excluded.tx_bytes` };
}

/** Every bucket of the range, the oldest first; those in which nothing was moved too. */
export async function bucketsOf(db: ReadQueries, scope: Scope, range: Range, now: Date): Promise<readonly Bucket[]> {
  const starts = startsIn(range, now);
  const found = new Map((await rowsOf(db, scope, range, starts)).map((row) => [row.startsAt.getTime(), row]));
  return starts.map((startsAt) => found.get(startsAt.getTime()) ?? { startsAt, rxBytes: 0, txBytes: 0 });
}

async function rowsOf(db: ReadQueries, scope: Scope, range: Range, starts: readonly Date[]): Promise<readonly Bucket[]> {
  const { span } = RANGES[range];
  if (scope === 'box') {
    const { startsAt, rxBytes, txBytes } = boxTraffic;
    return db
      .select({ startsAt, rxBytes, txBytes })
      .from(boxTraffic)
      .where(and(eq(boxTraffic.span, span), gte(startsAt, starts[0] ?? new Date(0))));
  }
  // The starts are named one by one: each is found at once, where a range would pass by everybody's.
  const when = and(eq(deviceTraffic.span, span), inArray(deviceTraffic.startsAt, [...starts]));
  const { startsAt, rxBytes, txBytes } = deviceTraffic;
  if ('deviceId' in scope)
    return db
      .select({ startsAt, rxBytes, txBytes })
      .from(deviceTraffic)
      .where(and(when, eq(deviceTraffic.deviceId, scope.deviceId as DeviceId)));
  const own = db
    .select({ id: devices.id })
    .from(devices)
    .where(eq(devices.userId, scope.userId as (typeof devices.$inferSelect)['userId']));
  return db
    .select({ startsAt, rxBytes: sql<number>`sum(${rxBytes})`, txBytes: sql<number>`sum(${txBytes})` })
    .from(deviceTraffic)
    .where(and(when, inArray(deviceTraffic.deviceId, own)))
    .groupBy(startsAt);
}

export interface Talker extends Omit<Bucket, 'startsAt'> {
  readonly id: DeviceId;
  readonly name: string;
  readonly email: string;
}

/** The devices that have moved most since the day began (UTC), the first ones. */
export async function topTalkers(db: ReadQueries, now: Date, limit: number): Promise<readonly Talker[]> {
  const day = SPANS[2].seconds;
  const { deviceId, rxBytes, txBytes } = deviceTraffic;
  return db
    .select({ id: devices.id, name: devices.name, email: users.email, rxBytes, txBytes })
    .from(deviceTraffic)
    .innerJoin(devices, eq(devices.id, deviceId))
    .innerJoin(users, eq(users.id, devices.userId))
    .where(and(eq(deviceTraffic.span, day), eq(deviceTraffic.startsAt, startOf(day, now))))
    .orderBy(desc(sql`${rxBytes} + ${txBytes}`))
    .limit(limit);
}

export async function deviceIdsOf(db: ReadQueries, userId: string): Promise<readonly DeviceId[]> {
  const rows = await db
    .select({ id: devices.id })
    .from(devices)
    .where(eq(devices.userId, userId as (typeof devices.$inferSelect)['userId']));
  return rows.map(({ id }) => id);
}

/** At most this much is deleted at once: other work has its turn in between. */
const STEP_MS = 3_600_000;

/** Removes what is older than it is kept. */
export async function removeOld(db: Db, now: Date): Promise<void> {
  for (const span of SPANS) {
    const keptFrom = keptSince(span, now);
    for (const table of [deviceTraffic, boxTraffic]) {
      for (let before = await oldest(db, table, span.seconds); before !== null && before < keptFrom; ) {
        before = new Date(Math.min(before.getTime() + STEP_MS, keptFrom.getTime()));
        const isOld = and(eq(table.span, span.seconds), lt(table.startsAt, before));
        await db.transaction(async (tx) => {
          await tx.delete(table).where(isOld);
        });
        before = await oldest(db, table, span.seconds);
      }
    }
  }
}

const BUCKETS_AT_ONCE = 24;

/** Removes what belongs to devices that are gone. */
export async function removeOrphans(db: Db, now: Date): Promise<void> {
  const alive = db.select({ id: devices.id }).from(devices);
  for (const span of SPANS) {
    const stepMs = BUCKETS_AT_ONCE * span.seconds * 1_000;
    for (let from = keptSince(span, now).getTime(); from <= now.getTime(); from += stepMs) {
      const when = and(eq(deviceTraffic.span, span.seconds), gte(deviceTraffic.startsAt, new Date(from)), lt(deviceTraffic.startsAt, new Date(from + stepMs)));
      await db.transaction(async (tx) => {
        await tx.delete(deviceTraffic).where(and(when, notInArray(deviceTraffic.deviceId, alive)));
      });
    }
  }
}

async function oldest(db: ReadQueries, table: typeof deviceTraffic | typeof boxTraffic, span: number): Promise<Date | null> {
  const [row] = await db.select({ startsAt: table.startsAt }).from(table).where(eq(table.span, span)).orderBy(table.startsAt).limit(1);
  return row?.startsAt ?? null;
}
