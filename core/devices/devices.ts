import { eq } from 'drizzle-orm';
import { type Actor, allows, authorize } from '../accounts/permissions.ts';
import { userById } from '../accounts/store.ts';
import type { Audit } from '../audit/audit.ts';
import { violatesUnique } from '../db/constraints.ts';
import { each } from '../db/each.ts';
import type { Db, Queries, ReadQueries } from '../db/open.ts';
import { Forbidden, InvalidInput, NotFound } from '../errors.ts';
import type { EventBus } from '../events/bus.ts';
import { overlaps } from '../net/cidr.ts';
import type { Cidr, PublicKey, UserId } from '../net/inputs.ts';
import { parse, publicKey } from '../parse.ts';
import type { CoreSections, NetworkSettings } from '../settings/sections.ts';
import { differences, type Settings } from '../settings/settings.ts';
import type { Clock } from '../system/clock.ts';
import type { Secrets } from '../system/secrets.ts';
import { en } from '../text/en.ts';
import { allocateAddress, isHostOf } from './addresses.ts';
import { type KeyPair, makeKeyPair, makePresharedKey } from './keys.ts';
import { createDevicePolicy } from './policy.ts';
import { deviceChanges, newDevice, overrideProblems } from './schema.ts';
import { deviceById, type OwnedDevice, otherSubnets, takenAddresses } from './store.ts';
import { devices } from './tables.ts';

/** A device and, only when the server has just made its pair, the private key: shown once, kept nowhere. */
export interface Issued {
  readonly device: OwnedDevice;
  readonly privateKey: string | undefined;
}

export const DEVICE_ACTS = ['pause', 'resume', 'expire', 'delete'] as const;
export type DeviceAct = (typeof DEVICE_ACTS)[number];

type Change = (device: OwnedDevice, tx: Queries) => Promise<Partial<typeof devices.$inferInsert>>;

export interface Devices {
  /** The device, if the actor may see it. Throws NotFound. */
  get(actor: Actor, id: string): Promise<OwnedDevice>;
  create(actor: Actor, input: unknown): Promise<Issued>;
  update(actor: Actor, id: string, input: unknown): Promise<OwnedDevice>;
  /** A new key pair and preshared key; the old configuration stops working. */
  rotateKey(actor: Actor, id: string, publicKey: string | null): Promise<Issued>;
  pause(actor: Actor, id: string): Promise<OwnedDevice>;
  resume(actor: Actor, id: string): Promise<OwnedDevice>;
  remove(actor: Actor, id: string): Promise<OwnedDevice>;
  /** The same to several devices, in one transaction: to all of them or none. `expiresAt` goes with `expire`. */
  toAll(actor: Actor, act: DeviceAct, ids: readonly string[], expiresAt?: Date | null): Promise<readonly OwnedDevice[]>;
  presharedKeyOf(device: OwnedDevice): ReturnType<typeof makePresharedKey>;
}

interface DevicesParts {
  readonly db: Db;
  readonly audit: Audit;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly settings: Settings;
  readonly sections: CoreSections;
}

export function createDevices({ db, audit, events, clock, secrets, settings, sections }: DevicesParts): Devices {
  const policy = createDevicePolicy({ settings, sections, clock });

  async function visible(queries: ReadQueries, actor: Actor, id: string): Promise<OwnedDevice> {
    authorize(actor, 'devices.own');
    const device = await deviceById(queries, id);
    const mayKnow = device !== null && (device.userId === actor.userId || allows(actor, 'devices.manage'));
    if (!mayKnow) throw new NotFound(en.devices.unknown);
    return device;
  }

  async function refuseTakenSubnets(tx: Queries, subnets: readonly Cidr[], exceptId: string | null): Promise<void> {
    if (subnets.length === 0) return;
    const network = await settings.read(sections.network, tx);
    const taken = [network.ipv4Network, network.ipv6Network].filter((item) => item !== null).map((item) => ({ subnet: item, name: en.settings.network.title }));
    for (const other of await otherSubnets(tx, exceptId)) taken.push(...other.allowedSubnets.map((subnet) => ({ subnet, name: other.name })));
    for (const subnet of subnets) {
      const clash = taken.find((other) => overlaps(subnet, other.subnet));
      if (clash) throw new InvalidInput({ allowedSubnets: [en.devices.subnetTaken(subnet, `${clash.name} (${clash.subnet})`)] });
    }
  }

  async function alterAll(actor: Actor, ids: readonly string[], action: string, change: Change): Promise<readonly OwnedDevice[]> {
    await policy.refuseWithoutSelfService(actor);
    const altered = await db.transaction((tx) => each(ids, (id) => alterOne(tx, actor, id, action, change)));
    for (const { id, userId } of altered) events.emit('device.changed', { deviceId: id, userId });
    return altered;
  }

  async function alterOne(tx: Queries, actor: Actor, id: string, action: string, change: Change): Promise<OwnedDevice> {
    const before = await visible(tx, actor, id);
    const set = await change(before, tx);
    await tx
      .update(devices)
      .set({ ...set, updatedAt: clock.now() })
      .where(eq(devices.id, before.id))
      .catch(refuseDuplicates(set.name));
    const after = await visible(tx, actor, id);
    await audit.record(tx, actor, { action, target: targetOf(after), changes: describe(before, after) });
    return after;
  }

  const alter = async (actor: Actor, id: string, action: string, change: Change) => only(await alterAll(actor, [id], action, change));

  async function removeAll(actor: Actor, ids: readonly string[]): Promise<readonly OwnedDevice[]> {
    await policy.refuseWithoutSelfService(actor);
    const removed = await db.transaction((tx) =>
      each(ids, async (id) => {
        const before = await visible(tx, actor, id);
        await tx.delete(devices).where(eq(devices.id, before.id));
        await audit.record(tx, actor, { action: 'device.deleted', target: targetOf(before), changes: { owner: before.owner.email } });
        return before;
      }),
    );
    for (const { id, userId } of removed) events.emit('device.deleted', { deviceId: id, userId });
    return removed;
  }

  const acts: Readonly<Record<DeviceAct, (actor: Actor, ids: readonly string[], expiresAt: Date | null) => Promise<readonly OwnedDevice[]>>> = {
    pause: (actor, ids) =>
      alterAll(actor, ids, 'device.paused', async (device) => {
        const disabledBy = allows(actor, 'devices.manage') && device.userId !== actor.userId ? 'admin' : (device.disabledBy ?? 'owner');
        return { disabledAt: device.disabledAt ?? clock.now(), disabledBy };
      }),
    resume: (actor, ids) =>
      alterAll(actor, ids, 'device.resumed', async (device) => {
        if (device.disabledBy === 'admin' && !allows(actor, 'devices.manage')) throw new Forbidden(en.devices.pausedByAdmin);
        return { disabledAt: null, disabledBy: null };
      }),
    async expire(actor, ids, expiresAt) {
      authorize(actor, 'devices.manage');
      return alterAll(actor, ids, 'device.changed', async () => ({ expiresAt }));
    },
    delete: removeAll,
  };

  return {
    get: (actor, id) => visible(db, actor, id),
    async create(actor, input) {
      authorize(actor, 'devices.own');
      await policy.refuseWithoutSelfService(actor);
      const { publicKey: givenKey, userId: givenOwner, ...fields } = parse(newDevice, input);
      await policy.refuseForbiddenFields(actor, fields);
      refuseProblems({ ...fields });
      const ownerId = ownerFor(actor, givenOwner);
      const keys: Partial<KeyPair> & { readonly publicKey: PublicKey } = givenKey ? { publicKey: givenKey } : makeKeyPair();
      const presharedKey = secrets.seal(makePresharedKey());
      const device = await db.transaction(async (tx) => {
        if ((await userById(tx, ownerId)) === null) throw new InvalidInput({ userId: [en.users.unknown] });
        await policy.refuseTooMany(tx, actor, ownerId);
        await refuseTakenSubnets(tx, fields.allowedSubnets ?? [], null);
        const addresses = await freeAddresses(tx, await settings.read(sections.network, tx));
        const now = clock.now();
        const { expiresAt = await policy.usualExpiry(tx) } = fields;
        const values = { ...fields, ...addresses, expiresAt, userId: ownerId, publicKey: keys.publicKey, presharedKey, createdAt: now, updatedAt: now };
        const [row] = await tx.insert(devices).values(values).returning({ id: devices.id }).catch(refuseDuplicates(fields.name));
        const created = await visible(tx, actor, row?.id ?? '');
        await audit.record(tx, actor, { action: 'device.created', target: targetOf(created), changes: { owner: created.owner.email, ...addresses } });
        return created;
      });
      events.emit('device.changed', { deviceId: device.id, userId: device.userId });
      return { device, privateKey: keys.privateKey };
    },
    async update(actor, id, input) {
      const given = parse(deviceChanges, input);
      await policy.refuseForbiddenFields(actor, given);
      return alter(actor, id, 'device.changed', async (device, tx) => {
        refuseProblems({ ...device, ...given });
        await refuseTakenSubnets(tx, given.allowedSubnets ?? [], device.id);
        return given as Partial<typeof devices.$inferInsert>;
      });
    },
    async rotateKey(actor, id, givenKey) {
      const keys: Partial<KeyPair> & { readonly publicKey: PublicKey } = givenKey ? { publicKey: parseKey(givenKey) } : makeKeyPair();
      const presharedKey = secrets.seal(makePresharedKey());
      const device = await alter(actor, id, 'device.key-rotated', async () => ({
        publicKey: keys.publicKey,
        presharedKey,
        latestHandshake: null,
        remoteIp: null,
      }));
      return { device, privateKey: keys.privateKey };
    },
    pause: async (actor, id) => only(await acts.pause(actor, [id], null)),
    resume: async (actor, id) => only(await acts.resume(actor, [id], null)),
    remove: async (actor, id) => only(await removeAll(actor, [id])),
    toAll: (actor, act, ids, expiresAt = null) => acts[act](actor, ids, expiresAt),
    presharedKeyOf: (device) => secrets.open(device.presharedKey) as ReturnType<typeof makePresharedKey>,
  };
}

/** Refuses a new tunnel network that leaves existing devices with addresses outside it. */
export async function refuseStrandedAddresses(tx: Queries, next: NetworkSettings): Promise<void> {
  const addresses = [...(await takenAddresses(tx))];
  for (const [field, version] of [
    ['ipv4Network', 4],
    ['ipv6Network', 6],
  ] as const) {
    const network = next[field];
    const ofVersion = addresses.filter((address) => address.includes(':') === (version === 6));
    const outside = network === null ? ofVersion : ofVersion.filter((address) => !isHostOf(network, address));
    if (outside.length > 0) throw new InvalidInput({ [field]: [en.settings.addressesOutside(outside.length, network ?? en.common.none)] });
  }
}

async function freeAddresses(tx: Queries, network: NetworkSettings): Promise<{ readonly ipv4: string | null; readonly ipv6: string | null }> {
  const taken = await takenAddresses(tx);
  const free = (from: Cidr | null) => (from === null ? null : allocateAddress(from, (address) => taken.has(address)));
  return { ipv4: free(network.ipv4Network), ipv6: free(network.ipv6Network) };
}

function ownerFor(actor: Actor, given: string | undefined): UserId {
  const ownerId = given ?? actor.userId;
  if (ownerId === null) throw new InvalidInput({ userId: [en.validation.required] });
  if (ownerId !== actor.userId && !allows(actor, 'devices.manage')) throw new Forbidden(en.errors.forbidden);
  return ownerId as UserId;
}

function only(changed: readonly OwnedDevice[]): OwnedDevice {
  const [device] = changed;
  if (device === undefined) throw new NotFound(en.devices.unknown);
  return device;
}

function parseKey(given: string): PublicKey {
  const result = publicKey.safeParse(given);
  if (!result.success) throw new InvalidInput({ publicKey: [en.validation.publicKey] });
  return result.data;
}

function refuseProblems(device: Readonly<Record<string, unknown>>): void {
  const problems = overrideProblems(device);
  if (Object.keys(problems).length > 0) throw new InvalidInput(problems);
}

function targetOf(device: OwnedDevice): { readonly type: 'device'; readonly id: string; readonly name: string } {
  return { type: 'device', id: device.id, name: device.name };
}

const UNTOLD = ['presharedKey', 'updatedAt', 'owner', 'rxBytes', 'txBytes', 'latestHandshake', 'remoteIp'];

function describe(before: OwnedDevice, after: OwnedDevice) {
  return Object.fromEntries(Object.entries(differences(before, after)).filter(([field]) => !UNTOLD.includes(field)));
}

function refuseDuplicates(name: string | undefined) {
  return (error: unknown): never => {
    if (violatesUnique(error, 'devices.name')) throw new InvalidInput({ name: [en.devices.nameTaken(name ?? '')] }, { cause: error });
    if (violatesUnique(error, 'devices.public_key')) throw new InvalidInput({ publicKey: [en.devices.keyTaken] }, { cause: error });
    throw error;
  };
}
