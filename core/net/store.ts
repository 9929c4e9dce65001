import { eq } from 'drizzle-orm';
import type { Config } from '../config.ts';
import type { Db } from '../db/open.ts';
import { makeKeyPair } from '../devices/keys.ts';
import { allDevices, type OwnedDevice } from '../devices/store.ts';
import type { CoreSections } from '../settings/sections.ts';
import type { Settings } from '../settings/settings.ts';
import type { Clock } from '../system/clock.ts';
import type { Sealed, Secrets } from '../system/secrets.ts';
import type { DeviceInput, FragmentKey, Fragments, NetworkInputs, NftRule, PresharedKey, PrivateKey, PublicKey } from './inputs.ts';
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
  /** Everything the desired state is computed from, read anew. */
  load(fragments: Fragments): Promise<NetworkInputs>;
  /** This box's key pair, made on first use. */
  serverKeys(): Promise<{ readonly privateKey: PrivateKey; readonly publicKey: PublicKey }>;
  rememberFragments(owner: string, fragments: Fragments): Promise<void>;
  forgetFragments(owner: string): Promise<void>;
  /** The last good fragments of an owner, or null. */
  recallFragments(owner: string): Promise<Fragments | null>;
}

export function createNetworkStore({ db, config, settings, sections, secrets, clock }: NetworkStoreParts): NetworkStore {
  // Opening ten thousand secrets takes longer than everything else here, and they hardly ever change.
  let opened = new Map<Sealed, PresharedKey>();

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

  function openAll(devices: readonly OwnedDevice[]): Map<Sealed, PresharedKey> {
    return new Map(devices.map(({ presharedKey }) => [presharedKey, opened.get(presharedKey) ?? (secrets.open(presharedKey) as PresharedKey)]));
  }

  return {
    serverKeys,
    async load(fragments) {
      const network = await settings.read(sections.network);
      const { vpnSessionDuration } = await settings.read(sections.security);
      const { privateKey } = await serverKeys();
      const devices = await allDevices(db);
      opened = openAll(devices);
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
        devices: devices.map((device): DeviceInput => ({ ...device, presharedKey: opened.get(device.presharedKey) as PresharedKey, user: device.owner })),
        fragments,
      };
    },
    async rememberFragments(owner, fragments) {
      const row = { fragments: [...fragments], updatedAt: clock.now() };
      await db.transaction(async (tx) => {
        await tx
          .insert(networkFragments)
          .values({ owner, ...row })
          .onConflictDoUpdate({ target: networkFragments.owner, set: row });
      });
    },
    async forgetFragments(owner) {
      await db.transaction(async (tx) => {
        await tx.delete(networkFragments).where(eq(networkFragments.owner, owner));
      });
    },
    async recallFragments(owner) {
      const [row] = await db.select().from(networkFragments).where(eq(networkFragments.owner, owner));
      return row ? new Map<FragmentKey, readonly NftRule[]>(row.fragments) : null;
    },
  };
}
