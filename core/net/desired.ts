import { hostAt, overlaps, prefixOf } from './cidr.ts';
import { entitlementOf } from './entitlement.ts';
import type { Cidr, DeviceInput, NetworkInputs, PresharedKey, PrivateKey, PublicKey } from './inputs.ts';
import { buildRuleset, type Ruleset } from './ruleset.ts';

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
  /** Networks behind devices. */
  readonly routes: readonly Cidr[];
  readonly ruleset: Ruleset;
  /** When this state stops being right by itself: the next device or VPN session to run out. */
  readonly nextChangeAt: Date | null;
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
  const routed = assignSubnets(entitled);
  const networks = (device: DeviceInput): readonly Cidr[] => [...hostNetworks(device), ...(routed.get(device) ?? [])];
  return {
    interface: { ...pick(inputs.interface), addresses: gatewayAddresses(inputs) },
    peers: new Map(
      entitled.map((device) => [device.publicKey, { publicKey: device.publicKey, presharedKey: device.presharedKey, allowedIps: networks(device) }]),
    ),
    routes: [...routed.values()].flat().sort(),
    ruleset: buildRuleset(
      inputs,
      entitled.map((device) => ({ userId: device.userId, networks: networks(device) })),
    ),
    nextChangeAt,
  };
}

function pick({ name, privateKey, listenPort, mtu }: NetworkInputs['interface']) {
  return { name, privateKey, listenPort, mtu };
}

function gatewayAddresses({ interface: { ipv4Network, ipv6Network } }: NetworkInputs): readonly string[] {
  return [ipv4Network, ipv6Network].filter((network) => network !== null).map((network) => `${hostAt(network, 1n)}/${prefixOf(network)}`);
}

function hostNetworks({ ipv4, ipv6 }: DeviceInput): readonly Cidr[] {
  return [ipv4 && `${ipv4}/32`, ipv6 && `${ipv6}/128`].filter((network) => network) as Cidr[];
}

/** Networks behind devices. The service refuses overlaps; should one be there, the first device by key has it. */
function assignSubnets(devices: readonly DeviceInput[]): ReadonlyMap<DeviceInput, readonly Cidr[]> {
  const taken: Cidr[] = [];
  const byDevice = new Map<DeviceInput, readonly Cidr[]>();
  for (const device of devices.filter(({ allowedSubnets }) => allowedSubnets.length > 0)) {
    const free = device.allowedSubnets.filter((subnet) => !taken.some((other) => overlaps(subnet, other)));
    taken.push(...free);
    byDevice.set(device, free);
  }
  return byDevice;
}
