import { isIpv6, parseCidr } from './cidr.ts';
import type { Cidr, Fragments, NftRule } from './inputs.ts';

/** Rules are checked when they come and rendered when they are applied; with fifty thousand of them once is enough. */
const rendered = new WeakMap<NftRule, string>();

/** One rule as nft text. Throws TypeError on whatever is not exactly of its type: nothing becomes text unchecked. */
export function ruleLine(rule: NftRule): string {
  const known = rendered.get(rule);
  if (known !== undefined) return known;
  const line = render(rule);
  rendered.set(rule, line);
  return line;
}

function render({ destination, protocol, ports, verdict }: NftRule): string {
  if (verdict !== 'accept' && verdict !== 'drop') throw new TypeError(`not a verdict: ${String(verdict)}`);
  // Without its protocol a rule for one port would be a rule for everything.
  if (ports !== undefined && protocol !== 'tcp' && protocol !== 'udp') throw new TypeError('ports need the protocol tcp or udp');
  return [destinationMatch(destination), protocolMatch(destination, protocol, ports), verdict].filter((part) => part !== '').join(' ');
}

/** Throws TypeError when any rule of any fragment cannot be applied. */
export function checkFragments(fragments: Fragments): void {
  for (const [key, rules] of fragments) {
    if (key !== 'global') chainOf(key.slice('user:'.length));
    for (const rule of rules) ruleLine(rule);
  }
}

/** The chain of a user's own rules. Throws TypeError on an id that is none. */
export function chainOf(userId: string): string {
  if (!/^[0-9a-f-]{1,64}$/i.test(userId)) throw new TypeError(`not a user id: ${userId}`);
  return `user_${userId.replaceAll('-', '_')}`;
}

function destinationMatch(destination: Cidr | undefined): string {
  if (destination === undefined) return '';
  if (parseCidr(destination) !== destination) throw new TypeError(`not a network: ${destination}`);
  return `${isIpv6(destination) ? 'ip6' : 'ip'} daddr ${destination}`;
}

function protocolMatch(destination: Cidr | undefined, protocol: NftRule['protocol'], ports: NftRule['ports']): string {
  if (protocol === undefined) return '';
  if (protocol === 'icmp') return destination === undefined ? 'meta l4proto { icmp, ipv6-icmp }' : `meta l4proto ${isIpv6(destination) ? 'ipv6-icmp' : 'icmp'}`;
  if (protocol !== 'tcp' && protocol !== 'udp') throw new TypeError(`not a protocol: ${String(protocol)}`);
  return ports === undefined ? `meta l4proto ${protocol}` : `${protocol} dport ${portRange(ports)}`;
}

function portRange({ from, to }: NonNullable<NftRule['ports']>): string {
  const isPort = (port: number) => Number.isInteger(port) && port >= 1 && port <= 65_535;
  if (!isPort(from) || !isPort(to) || from > to) throw new TypeError(`not a range of ports: ${from}-${to}`);
  return from === to ? String(from) : `${from}-${to}`;
}
