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
  const usersWithRules = new Set<UserId>();
  for (const { userId } of sources) if (fragments.has(`user:${userId}`)) usersWithRules.add(userId);
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
  const [sources4, sources6] = [new Map<Cidr, string>(), new Map<Cidr, string>()];
  addSources(sources, usersWithRules, sources4, sources6);
  return { chains, sources4, sources6 };
}

/** The ruleset with other rules under these keys, and other sources of the users among them. */
export function replaceParts(ruleset: Ruleset, keys: readonly FragmentKey[], fragments: Fragments, gone: readonly Source[], come: readonly Source[]): Ruleset {
  const chains = new Map(ruleset.chains);
  const usersWithRules = new Set(come.map(({ userId }) => userId).filter((userId) => fragments.has(`user:${userId}`)));
  for (const key of keys) {
    const userId = key.slice('user:'.length) as UserId;
    if (key === 'global') chains.set(key, globalLines(fragments));
    else if (usersWithRules.has(userId)) chains.set(chainOf(userId), userLines(fragments, userId));
    else chains.delete(chainOf(userId));
  }
  const [sources4, sources6] = [new Map(ruleset.sources4), new Map(ruleset.sources6)];
  for (const network of gone.flatMap(({ networks }) => networks)) (isIpv6(network) ? sources6 : sources4).delete(network);
  addSources(come, usersWithRules, sources4, sources6);
  return sharing({ chains, sources4, sources6 }, ruleset);
}

function addSources(sources: readonly Source[], usersWithRules: ReadonlySet<UserId>, sources4: Map<Cidr, string>, sources6: Map<Cidr, string>): void {
  for (const { userId, networks } of sources) {
    const verdict = verdictFor(userId, usersWithRules.has(userId));
    for (const network of networks) (isIpv6(network) ? sources6 : sources4).set(network, verdict);
  }
}

/** The ruleset with those of its maps that say the same as before being the very same, so that comparing is cheap. */
export function sharing(ruleset: Ruleset, before: Ruleset): Ruleset {
  const shared = (map: 'sources4' | 'sources6') => (isEqual(ruleset[map], before[map]) ? before[map] : ruleset[map]);
  return { ...ruleset, sources4: shared('sources4'), sources6: shared('sources6') };
}

function isEqual(one: ReadonlyMap<Cidr, string>, other: ReadonlyMap<Cidr, string>): boolean {
  if (one.size !== other.size) return false;
  for (const [network, verdict] of one) if (other.get(network) !== verdict) return false;
  return true;
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
