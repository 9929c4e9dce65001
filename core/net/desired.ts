import { hostAt, prefixOf } from './cidr.ts';
import { entitlementOf } from './entitlement.ts';
import type { Cidr, DeviceInput, FragmentKey, Fragments, NetworkInputs, PresharedKey, PrivateKey, PublicKey } from './inputs.ts';
import { forwardingFor } from './ip.ts';
import { buildRuleset, type Ruleset, replaceFragments, type Source } from './ruleset.ts';
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
  readonly peers: ReadonlyMap<PublicKey, DesiredPeer>;
  /** Names of sysctl(8) switches. */
  readonly forwarding: readonly string[];
  /** Networks behind devices. */
  readonly routes: readonly Cidr[];
  readonly ruleset: Ruleset;
  /** Whose packets come from which networks. */
  readonly sources: readonly Source[];
  /** When this state stops being right by itself: the next device or VPN session to run out. */
  readonly nextChangeAt: Date | null;
}

/** The same state with other rules for some; the cost is that of these, however many users there are. */
export function withFragments(state: DesiredState, keys: readonly FragmentKey[], fragments: Fragments): DesiredState {
  return { ...state, ruleset: replaceFragments(state.ruleset, state.sources, keys, fragments) };
}

/** What interface, routes and nftables should be; pure. Only entitled devices appear anywhere. */
export function desired(inputs: NetworkInputs, now: Date): DesiredState {
  const entitled: DeviceInput[] = [];
  let nextChangeAt: Date | null = null;
  for (const device of inputs.devices) {
    const entitlement = entitlementOf(device, inputs.vpnSessionDurationSeconds, now);
    if (entitlement.kind !== 'entitled') continue;
    entitled.push(device);
    if (entitlement.until !== null && (nextChangeAt === null || entitlement.until < nextChangeAt)) nextChangeAt = entitlement.until;
  }
  const routed = assignSubnets(inputs.interface, entitled);
  const peers = entitled.map((device) => ({ ...device, allowedIps: [...hostNetworks(device), ...(routed.get(device) ?? [])] }));
  const sources = peers.map(({ userId, allowedIps }) => ({ userId, networks: allowedIps }));
  const addresses = gatewayAddresses(inputs);
  return {
    interface: { ...pick(inputs.interface), addresses },
    forwarding: forwardingFor(addresses),
    peers: new Map(peers.map(({ publicKey, presharedKey, allowedIps }) => [publicKey, { publicKey, presharedKey, allowedIps }])),
    routes: [...routed.values()].flat().sort(),
    ruleset: buildRuleset(inputs, sources),
    sources,
    nextChangeAt,
  };
}

function pick({ name, privateKey, listenPort, mtu }: NetworkInputs['interface']) {
  return { name, privateKey, listenPort, mtu };
}

function gatewayAddresses({ interface: { ipv4Network, ipv6Network } }: NetworkInputs): readonly string[] {
  return [ipv4Network, ipv6Network].filter((network) => network !== null).map((network) => `${hostAt(network, 1n)}/${prefixOf(network)}`);
}
