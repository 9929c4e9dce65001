import { randomBytes } from 'node:crypto';
import { Conflict } from '../errors.ts';
import { hostAt, isIpv6, parseCidr, sizeOf } from '../net/cidr.ts';
import type { Cidr } from '../net/inputs.ts';
import { en } from '../text/en.ts';

/**
 * A free host of the network, chosen from a random place on: never the network's own address (offset 0),
 * this box's (1), or IPv4's broadcast. Throws Conflict when all are taken.
 */
export function allocateAddress(network: Cidr, isTaken: (address: string) => boolean): string {
  const first = 2n;
  const hosts = sizeOf(network) - first - (isIpv6(network) ? 0n : 1n);
  const start = randomBelow(hosts);
  for (let step = 0n; step < hosts; step += 1n) {
    const address = hostAt(network, first + ((start + step) % hosts));
    if (!isTaken(address)) return address;
  }
  throw new Conflict(en.devices.exhausted(network));
}

/** Whether the address is one a device may have in the network. */
export function isHostOf(network: Cidr, address: string): boolean {
  const prefix = network.slice(network.lastIndexOf('/'));
  if (parseCidr(`${address}${prefix}`) !== network) return false;
  const last = isIpv6(network) ? null : hostAt(network, sizeOf(network) - 1n);
  return ![hostAt(network, 0n), hostAt(network, 1n), last].includes(address);
}

function randomBelow(limit: bigint): bigint {
  if (limit <= 0n) return 0n;
  return randomBytes(16).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) % limit;
}
