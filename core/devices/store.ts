import { and, asc, count, eq, getTableColumns, gt, inArray, isNotNull, like, or, sql } from 'drizzle-orm';
import { containing, type ListQuery, sorted } from '../accounts/store.ts';
import { users } from '../accounts/tables.ts';
import { among } from '../db/among.ts';
import type { Db, ReadQueries } from '../db/open.ts';
import { after, type Listed, orderOf, pageOf, type Term } from '../db/paging.ts';
import type { DeviceId, PublicKey, UserId } from '../net/inputs.ts';
import { hasStatus, type StatusFilter } from './status-filter.ts';
import { devices } from './tables.ts';

export type Device = typeof devices.$inferSelect;
/** A device with what its owner contributes to its fate. */
export type OwnedDevice = Device & {
  readonly owner: { readonly email: string; readonly disabledAt: Date | null; readonly lastSignedInAt: Date | null; readonly vpnSessionEndedAt: Date | null };
};

export interface DeviceQuery extends ListQuery {
  readonly userId?: string | undefined;
  readonly status?: { readonly kind: StatusFilter; readonly vpnSessionDuration: number; readonly now: Date } | undefined;
}

const OWNER = { email: users.email, disabledAt: users.disabledAt, lastSignedInAt: users.lastSignedInAt, vpnSessionEndedAt: users.vpnSessionEndedAt };
const ID: Term<OwnedDevice> = { by: devices.id, of: ({ id }) => id };
const SORTS: Readonly<Record<string, Term<OwnedDevice>>> = {
  name: { by: devices.name, of: ({ name }) => name },
  owner: { by: users.email, of: ({ owner }) => owner.email },
  latestHandshake: { by: devices.latestHandshake, of: ({ latestHandshake }) => latestHandshake },
  rxBytes: { by: devices.rxBytes, of: ({ rxBytes }) => rxBytes },
  txBytes: { by: devices.txBytes, of: ({ txBytes }) => txBytes },
  expiresAt: { by: devices.expiresAt, of: ({ expiresAt }) => expiresAt },
  createdAt: { by: devices.createdAt, of: ({ createdAt }) => createdAt },
};
export const DEVICE_SORTS = Object.keys(SORTS);

function owned(db: ReadQueries) {
  return db
    .select({ ...getTableColumns(devices), owner: OWNER })
    .from(devices)
    .innerJoin(users, eq(devices.userId, users.id));
}

export async function deviceById(db: ReadQueries, id: string): Promise<OwnedDevice | null> {
  const [device] = await owned(db).where(eq(devices.id, id as DeviceId));
  return device ?? null;
}

export async function devicesByIds(db: ReadQueries, ids: readonly string[]): Promise<readonly OwnedDevice[]> {
  return owned(db)
    .where(inArray(devices.id, ids as readonly DeviceId[]))
    .orderBy(asc(devices.name), asc(devices.id));
}

export async function devicesByKeys(db: ReadQueries, keys: readonly string[]): Promise<readonly OwnedDevice[]> {
  return owned(db).where(inArray(devices.publicKey, keys as readonly PublicKey[]));
}

/** Lists are asked for again and again while nothing changes; one that depends on the time is another each time. */
export async function listDevices(db: Db, query: DeviceQuery): Promise<Listed<OwnedDevice>> {
  if (query.status) return findDevices(db, query);
  return db.remembered(`devices ${JSON.stringify(query)}`, () => findDevices(db, query));
}

/** A part of the list, which nobody will ask for again. */
export async function findDevices(db: ReadQueries, query: DeviceQuery): Promise<Listed<OwnedDevice>> {
  const pattern = query.q ? containing(query.q) : undefined;
  const matches =
    pattern === undefined
      ? undefined
      : or(like(devices.name, pattern), like(users.email, pattern), like(devices.ipv4, pattern), like(devices.ipv6, pattern), like(devices.publicKey, pattern));
  const { userId, status } = query;
  const hasThis = status ? hasStatus(status.kind, status.vpnSessionDuration, status.now) : undefined;
  const where = and(matches, userId ? eq(devices.userId, userId as UserId) : undefined, hasThis);
  const order = [sorted(SORTS, query.sort, 'name'), ID];
  const found = await owned(db)
    .where(and(where, after(order, query.cursor)))
    .orderBy(...orderOf(order))
    .limit(query.limit + 1)
    .offset(query.offset ?? 0);
  const counting = db.select({ total: count() }).from(devices).$dynamic();
  const [row] = await (matches || hasThis ? counting.innerJoin(users, eq(devices.userId, users.id)) : counting).where(where);
  return { ...pageOf(order, found, query.limit), total: row?.total ?? 0 };
}

/** A device with no more than the network needs. */
export type NetworkDevice = Pick<Device, keyof typeof NETWORK> & { readonly user: Pick<OwnedDevice['owner'], keyof typeof SESSION> };

const { id, userId, publicKey, presharedKey, ipv4, ipv6, allowedSubnets, disabledAt, expiresAt } = devices;
const NETWORK = { id, userId, publicKey, presharedKey, ipv4, ipv6, allowedSubnets, disabledAt, expiresAt };
const SESSION = { disabledAt: users.disabledAt, lastSignedInAt: users.lastSignedInAt, vpnSessionEndedAt: users.vpnSessionEndedAt };
/** Takes some five milliseconds. */
const PORTION = 1_000;

/** All devices in the order of their keys; `turn` is awaited after every thousand. */
export async function allDevices(db: ReadQueries, turn: () => Promise<void>): Promise<readonly NetworkDevice[]> {
  const owners = new Map((await db.select({ id: users.id, ...SESSION }).from(users)).map(({ id, ...session }) => [id, session]));
  await turn();
  const found: NetworkDevice[] = [];
  for (;;) {
    const portion = await db
      .select(NETWORK)
      .from(devices)
      .where(gt(devices.publicKey, found.at(-1)?.publicKey ?? ('' as PublicKey)))
      .orderBy(asc(devices.publicKey))
      .limit(PORTION);
    for (const device of portion) {
      const user = owners.get(device.userId);
      if (user) found.push({ ...device, user });
    }
    if (portion.length < PORTION) return found;
    await turn();
  }
}

export async function devicesOfUsers(db: ReadQueries, userIds: readonly UserId[]): Promise<readonly NetworkDevice[]> {
  return db
    .select({ ...NETWORK, user: SESSION })
    .from(devices)
    .innerJoin(users, eq(devices.userId, users.id))
    .where(among(devices.userId, userIds))
    .orderBy(asc(devices.publicKey));
}

export async function takenAddresses(db: ReadQueries): Promise<ReadonlySet<string>> {
  const rows = await db.select({ ipv4: devices.ipv4, ipv6: devices.ipv6 }).from(devices);
  return new Set(rows.flatMap((row) => [row.ipv4, row.ipv6].filter((address) => address !== null)));
}

export async function otherSubnets(db: ReadQueries, exceptId: string | null) {
  const rows = await db
    .select({ id: devices.id, name: devices.name, allowedSubnets: devices.allowedSubnets })
    .from(devices)
    .where(sql`${devices.allowedSubnets} <> '[]'`);
  return rows.filter((row) => row.id !== exceptId);
}

/** Devices that have networks behind them, in the order of their ids. */
export async function devicesWithSubnets(db: ReadQueries): Promise<readonly OwnedDevice[]> {
  return owned(db).where(sql`${devices.allowedSubnets} <> '[]'`).orderBy(asc(devices.id));
}

export async function deviceByAddress(db: ReadQueries, address: string): Promise<OwnedDevice | null> {
  const [device] = await owned(db).where(or(eq(devices.ipv4, address), eq(devices.ipv6, address)));
  return device ?? null;
}

export async function countDevices(db: ReadQueries, userId?: string): Promise<number> {
  const [row] = await db
    .select({ total: count() })
    .from(devices)
    .where(userId === undefined ? undefined : eq(devices.userId, userId as UserId));
  return row?.total ?? 0;
}

/** Devices with a handshake after `since`. */
export async function countOnline(db: ReadQueries, since: Date): Promise<number> {
  const [row] = await db
    .select({ total: count() })
    .from(devices)
    .where(and(isNotNull(devices.latestHandshake), gt(devices.latestHandshake, since)));
  return row?.total ?? 0;
}
