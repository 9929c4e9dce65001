import { type Cidr, type FragmentKey, type Fragments, isIpv6, type NftRule, type Topology, type UserId } from '#core';
import { type Entry, spanOf } from './decide.ts';
import { parsePorts } from './schema.ts';
import type { EnabledRule, Rule } from './store.ts';
import type { Action } from './tables.ts';

/** What decided: a rule, what no rule decides, or the switch that keeps peers apart. */
export type Decider = { readonly kind: 'rule'; readonly rule: Rule } | { readonly kind: 'default-policy' } | { readonly kind: 'peer-to-peer' };

export function keyOf(userId: UserId | null): FragmentKey {
  return userId === null ? 'global' : `user:${userId}`;
}

/** Rules in their order as fragments, with the default policy at the end of the global one. */
export function compile(rules: readonly EnabledRule[], defaultPolicy: Action, keys?: readonly FragmentKey[]): Fragments {
  const hasGlobal = keys === undefined || keys.includes('global');
  const fragments = new Map<FragmentKey, NftRule[]>(hasGlobal ? [['global', []]] : []);
  for (const rule of rules) {
    const key = keyOf(rule.userId);
    const fragment = fragments.get(key) ?? [];
    fragment.push(asNftRule(rule));
    fragments.set(key, fragment);
  }
  fragments.get('global')?.push({ verdict: defaultPolicy });
  return fragments;
}

function asNftRule({ action, destination, protocol, portRange }: EnabledRule): NftRule {
  const ports = portRange === null ? null : parsePorts(portRange);
  // A rule whose ports cannot be read must not become a rule for all of them.
  if (portRange !== null && ports === null) throw new TypeError(`not a range of ports: ${portRange}`);
  return {
    ...(destination === null ? {} : { destination }),
    ...(protocol === 'any' ? {} : { protocol }),
    ...(ports === null ? {} : { ports }),
    verdict: action,
  };
}

/** The order in which a user's packets are judged: between peers first, then their own rules, the global ones, the policy. */
export function entriesFor(own: readonly Rule[], global: readonly Rule[], defaultPolicy: Action, topology: Topology): readonly Entry<Decider>[] {
  const enabled = [...own, ...global].filter((rule) => rule.enabled);
  return [...betweenPeers(topology), ...enabled.map(entryOf), { ...EVERYTHING, verdict: defaultPolicy, by: { kind: 'default-policy' } }];
}

const EVERYTHING = { destination: null, isIpv6: false, protocol: 'any', ports: null } as const;

export function entryOf(rule: Rule): Entry<Decider> {
  const { action, destination, protocol, portRange } = rule;
  return {
    destination: destination === null ? null : spanOf(destination),
    isIpv6: destination !== null && isIpv6(destination),
    protocol,
    ports: portRange === null ? null : parsePorts(portRange),
    verdict: action,
    by: { kind: 'rule', rule },
  };
}

/** This box's own address lies in the tunnel's network and is no peer's: the network is cut around it. */
function betweenPeers({ peerNetworks, boxAddresses, allowPeerToPeer }: Topology): readonly Entry<Decider>[] {
  if (allowPeerToPeer) return [];
  return peerNetworks.flatMap((network) =>
    around(network, boxAddresses).map((destination) => ({
      ...EVERYTHING,
      destination,
      isIpv6: isIpv6(network),
      verdict: 'drop' as const,
      by: { kind: 'peer-to-peer' as const },
    })),
  );
}

function around(network: Cidr, boxAddresses: readonly Cidr[]) {
  const whole = spanOf(network);
  const hole = boxAddresses.filter((address) => isIpv6(address) === isIpv6(network)).map((address) => spanOf(address).from);
  const inside = hole.find((address) => address >= whole.from && address <= whole.to);
  if (inside === undefined) return [whole];
  return [
    { from: whole.from, to: inside - 1n },
    { from: inside + 1n, to: whole.to },
  ].filter(({ from, to }) => from <= to);
}
