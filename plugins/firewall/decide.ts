import { addressOf, type Cidr, isIpv6, numberOf, prefixOf } from '#core';
import type { Ports } from './schema.ts';
import type { Action, Protocol } from './tables.ts';

/** What a packet may be made of here; `other` is every protocol that is not one of the three. */
export type Transport = 'tcp' | 'udp' | 'icmp' | 'other';

/** Packets of one transport to a stretch of addresses and ports, both inclusive. */
export interface Region {
  readonly isIpv6: boolean;
  readonly transport: Transport;
  readonly addresses: Span<bigint>;
  /** The whole range where the transport has no ports. */
  readonly ports: Span<number>;
}

export interface Span<T> {
  readonly from: T;
  readonly to: T;
}

/** One line of the order in which packets are judged; `by` says whose it is. */
export interface Entry<By> {
  readonly destination: Span<bigint> | null;
  readonly isIpv6: boolean;
  readonly protocol: Protocol;
  readonly ports: Ports | null;
  readonly verdict: Action;
  readonly by: By;
}

export interface Verdict<By> {
  readonly region: Region;
  readonly verdict: Action;
  readonly by: By;
}

export const EVERY_PORT: Span<number> = { from: 0, to: 65_535 };
const TRANSPORTS: readonly Transport[] = ['tcp', 'udp', 'icmp', 'other'];

/** The packets that a destination, protocol and ports stand for. */
export function regionsOf(destination: Cidr, protocol: Protocol, ports: Ports | null): readonly Region[] {
  const transports = protocol === 'any' ? TRANSPORTS : [protocol];
  return transports.map((transport) => ({ isIpv6: isIpv6(destination), transport, addresses: spanOf(destination), ports: ports ?? EVERY_PORT }));
}

/** First and last address of a network. */
export function spanOf(network: Cidr): Span<bigint> {
  const from = numberOf(addressOf(network));
  return { from, to: from + (1n << BigInt((isIpv6(network) ? 128 : 32) - prefixOf(network))) - 1n };
}

/**
 * Who decides over each part of the region: the first entry that matches it, as nftables does packet by packet. A part that
 * an entry covers in half is cut, and what is left goes on. The last entry must match everything.
 */
export function decide<By>(entries: readonly Entry<By>[], region: Region): readonly Verdict<By>[] {
  const verdicts: Verdict<By>[] = [];
  let left: readonly Region[] = [region];
  for (const entry of entries) {
    if (left.length === 0) break;
    const next: Region[] = [];
    for (const part of left) {
      const matched = intersection(entry, part);
      if (matched === null) next.push(part);
      else {
        verdicts.push({ region: matched, verdict: entry.verdict, by: entry.by });
        next.push(...without(part, matched));
      }
    }
    left = next;
  }
  return verdicts;
}

/** Why an entry does not match any packet of the region; null when it does match some. */
export function mismatch(entry: Entry<unknown>, region: Region): 'destination' | 'protocol' | 'ports' | null {
  if (entry.protocol !== 'any' && entry.protocol !== region.transport) return 'protocol';
  if (entry.destination !== null && (entry.isIpv6 !== region.isIpv6 || overlap(entry.destination, region.addresses) === null)) return 'destination';
  return entry.ports !== null && overlap(entry.ports, region.ports) === null ? 'ports' : null;
}

function intersection(entry: Entry<unknown>, region: Region): Region | null {
  if (mismatch(entry, region) !== null) return null;
  const addresses = entry.destination === null ? region.addresses : overlap(entry.destination, region.addresses);
  const ports = entry.ports === null ? region.ports : overlap(entry.ports, region.ports);
  return addresses === null || ports === null ? null : { ...region, addresses, ports };
}

/** The region less a part of it: below, above, and what is left of the ports between. */
function without(region: Region, part: Region): readonly Region[] {
  const { addresses, ports } = region;
  return [
    ...(addresses.from < part.addresses.from ? [{ ...region, addresses: { from: addresses.from, to: part.addresses.from - 1n } }] : []),
    ...(addresses.to > part.addresses.to ? [{ ...region, addresses: { from: part.addresses.to + 1n, to: addresses.to } }] : []),
    ...(ports.from < part.ports.from ? [{ ...part, ports: { from: ports.from, to: part.ports.from - 1 } }] : []),
    ...(ports.to > part.ports.to ? [{ ...part, ports: { from: part.ports.to + 1, to: ports.to } }] : []),
  ];
}

function overlap<T extends number | bigint>(one: Span<T>, other: Span<T>): Span<T> | null {
  const from = one.from > other.from ? one.from : other.from;
  const to = one.to < other.to ? one.to : other.to;
  return from <= to ? { from, to } : null;
}
