import { isIpv6 } from './cidr.ts';
import type { Cidr, FragmentKey, Fragments, NetworkInputs, UserId } from './inputs.ts';
import { chainOf, ruleLine } from './rule-text.ts';

/** Our one nft table, as the rule lines of its chains and the elements of its two maps. */
export interface Ruleset {
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Source address or network → verdict. */
  readonly sources4: ReadonlyMap<Cidr, string>;
  readonly sources6: ReadonlyMap<Cidr, string>;
}

export interface Source {
  readonly userId: UserId;
  readonly networks: readonly Cidr[];
}

type Switches = Pick<NetworkInputs, 'interface' | 'masquerade' | 'allowPeerToPeer' | 'allowLanToPeers' | 'fragments'>;

/** The hooks of the base chains (nft(8)). Their policy is accept: what does not concern the tunnel is not ours. */
export const BASE_CHAINS: Readonly<Record<string, string>> = {
  forward: 'type filter hook forward priority filter; policy accept;',
  input: 'type filter hook input priority filter; policy accept;',
  postrouting: 'type nat hook postrouting priority srcnat; policy accept;',
};

/**
 * The chains every packet of a peer goes through: `from_peers` finds its user's chain by source address, so the cost
 * does not grow with users. No accept for established flows in that direction: a new drop bites at once.
 */
export function buildRuleset(inputs: Switches, sources: readonly Source[]): Ruleset {
  const {
    interface: { name },
    masquerade,
    allowPeerToPeer,
    allowLanToPeers,
    fragments,
  } = inputs;
  // What the kernel takes as a name, less what nft would read as more than one (dev_valid_name, net/core/dev.c).
  if (!/^[A-Za-z0-9_.-]{1,15}$/.test(name)) throw new TypeError(`not an interface: ${name}`);
  const usersWithRules = new Set(sources.map(({ userId }) => userId).filter((userId) => fragments.has(`user:${userId}`)));
  const chains = new Map<string, readonly string[]>([
    ['forward', [`iifname "${name}" jump from_peers`, `oifname "${name}" jump to_peers`]],
    ['input', [`iifname "${name}" jump from_peers`]],
    ['postrouting', masqueradeLines(name, masquerade)],
    [
      'from_peers',
      [
        // Answers to what the LAN began, and errors that belong to an open flow (path MTU discovery).
        'ct direction reply ct state established,related accept',
        'ct state related meta l4proto { icmp, ipv6-icmp } accept',
        ...(allowPeerToPeer ? [] : [`oifname "${name}" drop`]),
        'ip saddr vmap @sources4',
        'ip6 saddr vmap @sources6',
        'drop',
      ],
    ],
    ['to_peers', ['ct state established,related accept', allowLanToPeers ? 'accept' : 'drop']],
    ['global', globalLines(fragments)],
  ]);
  for (const userId of [...usersWithRules].sort()) chains.set(chainOf(userId), userLines(fragments, userId));
  const elements = sources.flatMap(({ userId, networks }) => networks.map((network) => [network, verdictFor(userId, usersWithRules.has(userId))] as const));
  return { chains, sources4: sorted(elements.filter(([network]) => !isIpv6(network))), sources6: sorted(elements.filter(([network]) => isIpv6(network))) };
}

/** The ruleset with other rules under these keys; what is not touched is the very same object, so that comparing is cheap. */
export function replaceFragments(ruleset: Ruleset, sources: readonly Source[], keys: readonly FragmentKey[], fragments: Fragments): Ruleset {
  const chains = new Map(ruleset.chains);
  let { sources4, sources6 } = ruleset;
  for (const key of keys) {
    if (key === 'global') {
      chains.set('global', globalLines(fragments));
      continue;
    }
    const userId = key.slice('user:'.length) as UserId;
    const networks = sources.filter((source) => source.userId === userId).flatMap((source) => source.networks);
    const hasRules = fragments.has(key) && networks.length > 0;
    if (hasRules) chains.set(chainOf(userId), userLines(fragments, userId));
    else chains.delete(chainOf(userId));
    const verdict = verdictFor(userId, hasRules);
    sources4 = withVerdict(sources4, networks, verdict);
    sources6 = withVerdict(sources6, networks, verdict);
  }
  return { chains, sources4, sources6 };
}

function withVerdict(map: ReadonlyMap<Cidr, string>, networks: readonly Cidr[], verdict: string): ReadonlyMap<Cidr, string> {
  const differing = networks.filter((network) => map.has(network) && map.get(network) !== verdict);
  if (differing.length === 0) return map;
  const next = new Map(map);
  for (const network of differing) next.set(network, verdict);
  return next;
}

function globalLines(fragments: Fragments): readonly string[] {
  return [...(fragments.get('global') ?? []).map(ruleLine), 'accept'];
}

function userLines(fragments: Fragments, userId: UserId): readonly string[] {
  return [...(fragments.get(`user:${userId}`) ?? []).map(ruleLine), 'goto global'];
}

function verdictFor(userId: UserId, hasRules: boolean): string {
  return `goto ${hasRules ? chainOf(userId) : 'global'}`;
}

function masqueradeLines(name: string, masquerade: NetworkInputs['masquerade']): readonly string[] {
  const families = [masquerade.ipv4 ? 'ipv4' : null, masquerade.ipv6 ? 'ipv6' : null].filter((family) => family !== null);
  return families.map((family) => `meta nfproto ${family} iifname "${name}" oifname != { "${name}", "lo" } masquerade`);
}

function sorted(elements: readonly (readonly [Cidr, string])[]): ReadonlyMap<Cidr, string> {
  return new Map([...elements].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
