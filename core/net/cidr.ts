import ipaddr from 'ipaddr.js';
import type { Cidr } from './inputs.ts';

/**
 * The network in canonical form with its host bits cleared, or null when the text is none.
 * A bare address counts as /32 or /128. Zone ids and IPv4 shorthand (`10.1`) are no networks here.
 */
export function parseCidr(text: string): Cidr | null {
  if (isCanonicalIpv4(text)) return text;
  if (!/^[0-9A-Fa-f.:]+(\/\d{1,3})?$/.test(text)) return null;
  const [address = '', prefixText] = text.split('/');
  if (!ipaddr.IPv6.isValid(address) && !ipaddr.IPv4.isValidFourPartDecimal(address)) return null;
  const parsed = ipaddr.parse(address);
  const bits = parsed.kind() === 'ipv4' ? 32 : 128;
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  if (prefix > bits) return null;
  const network =
    parsed.kind() === 'ipv4' ? ipaddr.IPv4.networkAddressFromCIDR(`${parsed}/${prefix}`) : ipaddr.IPv6.networkAddressFromCIDR(`${parsed}/${prefix}`);
  return `${network.toString()}/${prefix}` as Cidr;
}

/** Most of what is checked again and again is an IPv4 network as we wrote it ourselves; parsing costs twenty times as much. */
function isCanonicalIpv4(text: string): text is Cidr {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (!match) return false;
  const [a = 0, b = 0, c = 0, d = 0, prefix = 0] = match.slice(1).map(Number);
  if (Math.max(a, b, c, d) > 255 || prefix > 32 || text !== `${a}.${b}.${c}.${d}/${prefix}`) return false;
  const hostBits = prefix === 0 ? 0xffffffff : 2 ** (32 - prefix) - 1;
  return (((a << 24) | (b << 16) | (c << 8) | d) & hostBits) >>> 0 === 0;
}

/** A single address in canonical form, or null. */
export function parseAddress(text: string): string | null {
  const cidr = text.includes('/') ? null : parseCidr(text);
  return cidr === null ? null : addressOf(cidr);
}

/** The address part of `10.3.2.0/24`. */
export function addressOf(cidr: Cidr): string {
  return cidr.slice(0, cidr.lastIndexOf('/'));
}

export function prefixOf(cidr: Cidr): number {
  return Number(cidr.slice(cidr.lastIndexOf('/') + 1));
}

export function isIpv6(cidrOrAddress: string): boolean {
  return cidrOrAddress.includes(':');
}

/** An address as a number: of 32 bits for IPv4, of 128 for IPv6. */
export function numberOf(address: string): bigint {
  return ipaddr
    .parse(address)
    .toByteArray()
    .reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** The `offset`-th address of a network: 0 is the network's own, 1 the gateway's. */
export function hostAt(network: Cidr, offset: bigint): string {
  let value = numberOf(addressOf(network)) + offset;
  const bytes = new Array<number>(isIpv6(network) ? 16 : 4);
  for (let i = bytes.length - 1; i >= 0; i -= 1) {
    bytes[i] = Number(value & 255n);
    value >>= 8n;
  }
  return ipaddr.fromByteArray(bytes).toString();
}

/** How many addresses a network has. */
export function sizeOf(network: Cidr): bigint {
  return 1n << BigInt((isIpv6(network) ? 128 : 32) - prefixOf(network));
}

/** Whether two networks have an address in common. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  if (isIpv6(a) !== isIpv6(b)) return false;
  const prefix = Math.min(prefixOf(a), prefixOf(b));
  return parseCidr(`${addressOf(a)}/${prefix}`) === parseCidr(`${addressOf(b)}/${prefix}`);
}

/** Whether an address, or the first of a network, is in this network; the test is made once, for many. */
export function contains(network: Cidr): (cidr: Cidr) => boolean {
  const [base, prefix] = ipaddr.parseCIDR(network);
  return (cidr) => {
    if (isIpv6(cidr) !== isIpv6(network)) return false;
    const address = ipaddr.parse(addressOf(cidr));
    return address.kind() === base.kind() && address.match(base, prefix);
  };
}
