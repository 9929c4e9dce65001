import { contains, overlaps, parseCidr } from './cidr.ts';
import type { Cidr, DeviceInput, NetworkInputs } from './inputs.ts';

type Networks = Pick<NetworkInputs['interface'], 'ipv4Network' | 'ipv6Network'>;

/** A device's own addresses as networks; the service stores addresses as the kernel writes them. */
export function hostNetworks({ ipv4, ipv6 }: DeviceInput): readonly Cidr[] {
  return [ipv4 && `${ipv4}/32`, ipv6 && `${ipv6}/128`].filter((network) => network) as Cidr[];
}

/**
 * Networks behind devices, each for one device. The service refuses overlaps, but rows outlive settings; and one overlap
 * would make the kernel refuse everybody's rules. So the tunnel's networks and devices' addresses come first, then devices
 * in the order of their ids.
 */
export function assignSubnets({ ipv4Network, ipv6Network }: Networks, devices: readonly DeviceInput[]): ReadonlyMap<DeviceInput, readonly Cidr[]> {
  const routing = devices.filter(({ allowedSubnets }) => allowedSubnets.length > 0).sort((a, b) => (a.id < b.id ? -1 : 1));
  const byDevice = new Map<DeviceInput, readonly Cidr[]>();
  if (routing.length === 0) return byDevice;
  const tunnel = [ipv4Network, ipv6Network].filter((network) => network !== null);
  const isInTunnel = tunnel.map(contains);
  const taken = [...tunnel, ...devices.flatMap(hostNetworks).filter((host) => !isInTunnel.some((holds) => holds(host)))];
  for (const device of routing) {
    byDevice.set(
      device,
      device.allowedSubnets.flatMap((text) => {
        const subnet = parseCidr(text);
        if (subnet === null || taken.some((other) => overlaps(subnet, other))) return [];
        taken.push(subnet);
        return [subnet];
      }),
    );
  }
  return byDevice;
}
