import { hostAt, prefixOf } from './cidr.ts';
import { entitlementOf } from './entitlement.ts';
import type { Cidr, DeviceInput, FragmentKey, NetworkInputs, PresharedKey, PrivateKey, PublicKey, UserId } from './inputs.ts';
import { forwardingFor } from './ip.ts';
import { buildRuleset, type Ruleset, replaceParts, type Source, usersIn } from './ruleset.ts';
import { assignSubnets, hostNetworks } from './subnets.ts';

export interface DesiredPeer {
  readonly publicKey: PublicKey;
  readonly presharedKey: PresharedKey;
  readonly allowedIps: readonly Cidr[];
}

export interface DesiredState {
  readonly interface: {
    readonly name: string;
    readonly privateKey: PrivateKey;
    readonly listenPort: number;
    readonly mtu: number;
    /** The gateway's addresses with their networks' prefix lengths. */
    readonly addresses: readonly string[];
  };
  /** By user, so that a change of one costs nothing for the others. */
  readonly peers: ReadonlyMap<UserId, readonly DesiredPeer[]>;
  /** Names of sysctl(8) switches. */
  readonly forwarding: readonly string[];
  /** Networks behind devices. */
  readonly routes: readonly Cidr[];
  readonly ruleset: Ruleset;
  /** When this state stops being right by itself: the next device or VPN session to run out. */
  readonly nextChangeAt: Date | null;
}

/** The rules under some keys, and all devices of the users among them. */
export type Part = Pick<NetworkInputs, 'devices' | 'fragments' | 'vpnSessionDurationSeconds'>;

/**
 * The same state with other rules and devices under these keys; the cost is that of these, however many there are. It may say
 * a change too early. Null when it touches networks behind devices: these are everybody's concern.
 */
export function withPart(state: DesiredState, keys: readonly FragmentKey[], part: Part, now: Date): DesiredState | null {
  const { entitled, nextChangeAt } = entitledOf(part, now);
  const { peers: come, sources } = peersOf(entitled, new Map());
  const peers = new Map(state.peers);
  const gone: DesiredPeer[] = [];
  for (const userId of usersIn(keys)) {
    gone.push(...(peers.get(userId) ?? []));
    const own = come.get(userId);
    if (own === undefined) peers.delete(userId);
    else peers.set(userId, own);
  }
  const isRouted = state.routes.length > 0 && networksIn(gone) !== networksIn([...come.values()].flat());
  if (isRouted || entitled.some(({ allowedSubnets }) => allowedSubnets.length > 0)) return null;
  return {
    ...state,
    peers,
    ruleset: replaceParts(state.ruleset, keys, part.fragments, sources),
    nextChangeAt: earlier(state.nextChangeAt, nextChangeAt),
  };
}

/** Those of all users. */
export function allPeers({ peers }: Pick<DesiredState, 'peers'>): readonly DesiredPeer[] {
  return [...peers.values()].flat();
}

function networksIn(peers: readonly DesiredPeer[]): string {
  return peers
    .flatMap(({ allowedIps }) => allowedIps)
    .sort()
    .join();
}

/** What interface, routes and nftables should be; pure. Only entitled devices appear anywhere. */
export function desired(inputs: NetworkInputs, now: Date): DesiredState {
  const { entitled, nextChangeAt } = entitledOf(inputs, now);
  const routed = assignSubnets(inputs.interface, entitled);
  const { peers, sources } = peersOf(entitled, routed);
  const addresses = gatewayAddresses(inputs);
  return {
    interface: { ...pick(inputs.interface), addresses },
    forwarding: forwardingFor(addresses),
    peers,
    routes: [...routed.values()].flat().sort(),
    ruleset: buildRuleset(inputs, sources),
    nextChangeAt,
  };
}

function entitledOf({ devices, vpnSessionDurationSeconds }: Part, now: Date) {
  const entitled: DeviceInput[] = [];
  let nextChangeAt: Date | null = null;
  for (const device of devices) {
    const entitlement = entitlementOf(device, vpnSessionDurationSeconds, now);
    if (entitlement.kind !== 'entitled') continue;
    entitled.push(device);
    nextChangeAt = earlier(nextChangeAt, entitlement.until);
  }
  return { entitled, nextChangeAt };
}

function earlier(one: Date | null, other: Date | null): Date | null {
  if (one === null || other === null) return one ?? other;
  return one < other ? one : other;
}

function peersOf(entitled: readonly DeviceInput[], routed: ReadonlyMap<DeviceInput, readonly Cidr[]>) {
  const peers = new Map<UserId, DesiredPeer[]>();
  const sources: Source[] = [];
  for (const device of entitled) {
    const { publicKey, presharedKey, userId } = device;
    const allowedIps = [...hostNetworks(device), ...(routed.get(device) ?? [])];
    const own = peers.get(userId) ?? [];
    own.push({ publicKey, presharedKey, allowedIps });
    peers.set(userId, own);
    sources.push({ userId, networks: allowedIps });
  }
  return { peers, sources };
}

function pick({ name, privateKey, listenPort, mtu }: NetworkInputs['interface']) {
  return { name, privateKey, listenPort, mtu };
}

function gatewayAddresses({ interface: { ipv4Network, ipv6Network } }: NetworkInputs): readonly string[] {
  return [ipv4Network, ipv6Network].filter((network) => network !== null).map((network) => `${hostAt(network, 1n)}/${prefixOf(network)}`);
}
