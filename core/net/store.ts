import { and, eq, inArray } from 'drizzle-orm';
import type { Config } from '../config.ts';
import type { Db } from '../db/open.ts';
import { makeKeyPair } from '../devices/keys.ts';
import { allDevices, devicesOfUsers, type NetworkDevice } from '../devices/store.ts';
import type { CoreSections } from '../settings/sections.ts';
import type { Settings } from '../settings/settings.ts';
import type { Clock } from '../system/clock.ts';
import type { Sealed, Secrets } from '../system/secrets.ts';
import type { Part } from './desired.ts';
import type { DeviceInput, FragmentKey, Fragments, NetworkInputs, PresharedKey, PrivateKey, PublicKey, UserId } from './inputs.ts';
import { ruleLine } from './rule-text.ts';
import { interfaceKeys, networkFragments } from './tables.ts';

interface NetworkStoreParts {
  readonly db: Db;
  readonly config: Config;
  readonly settings: Settings;
  readonly sections: CoreSections;
  readonly secrets: Secrets;
  readonly clock: Clock;
}

export interface NetworkStore {
  /** Everything the desired state is computed from, read anew; `turn` is awaited now and then, so that others have theirs. */
  load(fragments: Fragments, turn?: () => Promise<void>): Promise<NetworkInputs>;
  /** The devices of the users among these keys, with what else decides over them. */
  loadPart(keys: readonly FragmentKey[], fragments: Fragments): Promise<Part>;
  /** This box's key pair, made on first use. */
  serverKeys(): Promise<{ readonly privateKey: PrivateKey; readonly publicKey: PublicKey }>;
  /** Keeps these as the owner's last good fragments; of the keys named, or of all, those that are absent are forgotten. */
  rememberFragments(owner: string, fragments: Fragments, keys?: readonly FragmentKey[]): Promise<void>;
  forgetFragments(owner: string): Promise<void>;
  /** The last good fragments of an owner: all, or those named. */
  recallFragments(owner: string, keys?: readonly FragmentKey[]): Promise<Fragments>;
}

const OPENED_AT_ONCE = 500;

export function createNetworkStore({ db, config, settings, sections, secrets, clock }: NetworkStoreParts): NetworkStore {
  // Opening ten thousand secrets takes longer than everything else here, and they hardly ever change.
  let opened = new Map<Sealed, PresharedKey>();
  /** What stands in the database, by owner, as text. */
  const remembered = new Map<string, Map<FragmentKey, string>>();

  async function serverKeys() {
    const find = eq(interfaceKeys.name, config.interfaceName);
    const [present] = await db.select().from(interfaceKeys).where(find);
    if (present) return { privateKey: secrets.open(present.privateKey) as PrivateKey, publicKey: present.publicKey };
    const made = makeKeyPair();
    const now = clock.now();
    const row = { name: config.interfaceName, privateKey: secrets.seal(made.privateKey), publicKey: made.publicKey, createdAt: now, updatedAt: now };
    await db.transaction(async (tx) => {
      await tx.insert(interfaceKeys).values(row).onConflictDoNothing();
    });
    return serverKeys();
  }

  function withOpened(device: NetworkDevice): DeviceInput {
    return { ...device, presharedKey: opened.get(device.presharedKey) ?? (secrets.open(device.presharedKey) as PresharedKey) };
  }

  async function openAll(sealed: readonly Sealed[], turn: () => Promise<void>): Promise<Map<Sealed, PresharedKey>> {
    const all = new Map<Sealed, PresharedKey>();
    for (const secret of sealed) {
      const known = opened.get(secret);
      all.set(secret, known ?? (secrets.open(secret) as PresharedKey));
      if (known === undefined && all.size % OPENED_AT_ONCE === 0) await turn();
    }
    return all;
  }

  return {
    serverKeys,
    async load(fragments, turn = async () => {}) {
      const network = await settings.read(sections.network);
      const { vpnSessionDuration } = await settings.read(sections.security);
      const { privateKey } = await serverKeys();
      const devices = await allDevices(db, turn);
      opened = await openAll(
        devices.map(({ presharedKey }) => presharedKey),
        turn,
      );
      return {
        interface: {
          name: config.interfaceName,
          privateKey,
          listenPort: network.listenPort,
          mtu: network.mtu,
          ipv4Network: network.ipv4Network,
          ipv6Network: network.ipv6Network,
        },
        masquerade: { ipv4: network.masqueradeIpv4, ipv6: network.masqueradeIpv6 },
        allowPeerToPeer: network.allowPeerToPeer,
        allowLanToPeers: network.allowLanToPeers,
        vpnSessionDurationSeconds: vpnSessionDuration,
        devices: devices.map(withOpened),
        fragments,
      };
    },
    async loadPart(keys, fragments) {
      const { vpnSessionDuration } = await settings.read(sections.security);
      const devices = await devicesOfUsers(
        db,
        keys.filter((key) => key !== 'global').map((key) => key.slice('user:'.length) as UserId),
      );
      return { devices: devices.map(withOpened), fragments, vpnSessionDurationSeconds: vpnSessionDuration };
    },
    rememberFragments,
    recallFragments,
    async forgetFragments(owner) {
      remembered.delete(owner);
      await db.transaction(async (tx) => {
        await tx.delete(networkFragments).where(eq(networkFragments.owner, owner));
      });
    },
  };

  async function recallFragments(owner: string, keys?: readonly FragmentKey[]): Promise<Fragments> {
    const asked = keys === undefined ? undefined : inArray(networkFragments.key, [...keys]);
    const rows = await db
      .select({ key: networkFragments.key, rules: networkFragments.rules })
      .from(networkFragments)
      .where(and(eq(networkFragments.owner, owner), asked));
    return new Map(rows.map(({ key, rules }) => [key, rules]));
  }

  /** Writes only what differs: the fragments of ten thousand users are five megabytes. */
  async function rememberFragments(owner: string, fragments: Fragments, keys?: readonly FragmentKey[]): Promise<void> {
    const known = remembered.get(owner) ?? new Map(textsOf(await recallFragments(owner)));
    remembered.set(owner, known);
    const next = textsOf(fragments);
    const changed = next.filter(([key, rules]) => known.get(key) !== rules);
    const gone = (keys ?? [...known.keys()]).filter((key) => known.has(key) && !fragments.has(key));
    if (changed.length + gone.length === 0) return;
    await db.transaction(async (tx) => {
      const isOwn = eq(networkFragments.owner, owner);
      for (const some of inPortions([...changed.map(([key]) => key), ...gone]))
        await tx.delete(networkFragments).where(and(isOwn, inArray(networkFragments.key, some)));
      for (const some of inPortions(changed)) await tx.insert(networkFragments).values(some.map(([key]) => ({ owner, key, rules: fragments.get(key) ?? [] })));
    });
    for (const [key, rules] of changed) known.set(key, rules);
    for (const key of gone) known.delete(key);
  }
}

/** Two fragments are the same when they read the same to nft. */
function textsOf(fragments: Fragments): readonly (readonly [FragmentKey, string])[] {
  return [...fragments].map(([key, rules]) => [key, rules.map(ruleLine).join('\n')]);
}

/** SQLite binds at most 32,766 values in one statement (sqlite.org/limits.html). */
function inPortions<T>(items: readonly T[], size = 1_000): readonly T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
}
