import type { Db } from '../db/open.ts';
import { type DeviceStatus, statusOf } from '../devices/describe.ts';
import { deviceByAddress, deviceById, devicesWithSubnets, type OwnedDevice } from '../devices/store.ts';
import type { CoreSections } from '../settings/sections.ts';
import type { Settings } from '../settings/settings.ts';
import type { Clock } from '../system/clock.ts';
import { contains, hostAt, isIpv6, parseCidr } from './cidr.ts';
import type { Cidr } from './inputs.ts';

/** What decides over a packet from a peer beside its user's rules. */
export interface Topology {
  /** The tunnel's networks and those behind devices; peers reach them only with `allowPeerToPeer`. */
  readonly peerNetworks: readonly Cidr[];
  /** This box's own addresses in the tunnel, which are in those networks and yet no peer's. */
  readonly boxAddresses: readonly Cidr[];
  readonly allowPeerToPeer: boolean;
}

export interface NetworkMap {
  topology(): Promise<Topology>;
  /** A device with whether it is a peer now; null when there is none. */
  device(id: string): Promise<{ readonly device: OwnedDevice; readonly status: DeviceStatus } | null>;
  /** The device whose packets come from this address, or null: it is not in the tunnel. */
  deviceAt(address: string): Promise<OwnedDevice | null>;
}

export function createNetworkMap(db: Db, settings: Settings, sections: CoreSections, clock: Clock): NetworkMap {
  return {
    async topology() {
      const { ipv4Network, ipv6Network, allowPeerToPeer } = await settings.read(sections.network);
      const tunnel = [ipv4Network, ipv6Network].filter((network) => network !== null);
      const behind = (await devicesWithSubnets(db)).flatMap(({ allowedSubnets }) => allowedSubnets);
      return {
        peerNetworks: [...tunnel, ...behind],
        boxAddresses: tunnel.map((network) => `${hostAt(network, 1n)}/${isIpv6(network) ? 128 : 32}` as Cidr),
        allowPeerToPeer,
      };
    },
    async device(id) {
      const device = await deviceById(db, id);
      if (device === null) return null;
      const { vpnSessionDuration } = await settings.read(sections.security);
      return { device, status: statusOf(device, vpnSessionDuration, clock.now()) };
    },
    async deviceAt(address) {
      const cidr = parseCidr(address);
      if (cidr === null) return null;
      const own = await deviceByAddress(db, address);
      if (own !== null) return own;
      return (await devicesWithSubnets(db)).find(({ allowedSubnets }) => allowedSubnets.some((subnet) => contains(subnet)(cidr))) ?? null;
    },
  };
}
