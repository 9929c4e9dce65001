import type { Cidr, FragmentKey, Fragments, NetworkInputs, UserId } from './inputs.ts';
import { chainOf, ruleLine } from './rule-text.ts';

/** Our one nft table. What concerns one user stands apart, so that a change of theirs costs nothing for the others. */
export interface Ruleset {
  /** Rule lines by chain, but for users' own. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly users: ReadonlyMap<UserId, UserRules>;
}

interface UserRules {
  /** Where their packets come from. */
  readonly networks: readonly Cidr[];
  /** The lines of their own chain; null when there are no rules for them. */
  readonly lines: readonly string[] | null;
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
  const users = new Map<UserId, UserRules>();
  for (const [userId, own] of Map.groupBy(sources, (source) => source.userId)) users.set(userId, userRules(fragments, userId, own));
  return { chains, users };
}

/** The ruleset with other rules under these keys, and these sources in the place of all that the users among them had. */
export function replaceParts(ruleset: Ruleset, keys: readonly FragmentKey[], fragments: Fragments, sources: readonly Source[]): Ruleset {
  const chains = keys.includes('global') ? new Map(ruleset.chains).set('global', globalLines(fragments)) : ruleset.chains;
  const users = new Map(ruleset.users);
  const come = Map.groupBy(sources, ({ userId }) => userId);
  for (const userId of usersIn(keys)) {
    const own = come.get(userId);
    if (own === undefined) users.delete(userId);
    else users.set(userId, userRules(fragments, userId, own));
  }
  return { chains, users };
}

export function usersIn(keys: readonly FragmentKey[]): readonly UserId[] {
  return keys.filter((key) => key !== 'global').map((key) => key.slice('user:'.length) as UserId);
}

/** The parts of a ruleset that another one does not have just so. */
export function differing(one: Ruleset, other: Ruleset): Ruleset {
  const chains = [...one.chains].filter(([chain, lines]) => !isSame(other.chains.get(chain), lines));
  const users = new Map<UserId, UserRules>();
  if (one.users !== other.users) for (const [userId, rules] of one.users) if (!hasSame(other.users.get(userId), rules)) users.set(userId, rules);
  return { chains: new Map(chains), users };
}

function hasSame(one: UserRules | undefined, other: UserRules): boolean {
  return one === other || (one !== undefined && isSame(one.networks, other.networks) && isSame(one.lines, other.lines));
}

export function isSame(one: readonly string[] | null | undefined, other: readonly string[] | null): boolean {
  return one === other || (one != null && other !== null && one.length === other.length && one.every((line, index) => line === other[index]));
}

/** The rule lines of all chains, users' own among them. */
export function chainsOf({ chains, users }: Ruleset): ReadonlyMap<string, readonly string[]> {
  const all = new Map(chains);
  for (const [userId, { lines }] of users) if (lines !== null) all.set(chainOf(userId), lines);
  return all;
}

/** The elements of both maps: source address or network → verdict. */
export function elementsOf({ users }: Ruleset): ReadonlyMap<Cidr, string> {
  const elements = new Map<Cidr, string>();
  for (const [userId, { networks, lines }] of users) {
    const verdict = `goto ${lines === null ? 'global' : chainOf(userId)}`;
    for (const network of networks) elements.set(network, verdict);
  }
  return elements;
}

function userRules(fragments: Fragments, userId: UserId, sources: readonly Source[]): UserRules {
  const rules = fragments.get(`user:${userId}`);
  return { networks: sources.flatMap(({ networks }) => networks).sort(), lines: rules === undefined ? null : [...rules.map(ruleLine), 'goto global'] };
}

function globalLines(fragments: Fragments): readonly string[] {
  return [...(fragments.get('global') ?? []).map(ruleLine), 'accept'];
}

function masqueradeLines(name: string, masquerade: NetworkInputs['masquerade']): readonly string[] {
  const families = [masquerade.ipv4 ? 'ipv4' : null, masquerade.ipv6 ? 'ipv6' : null].filter((family) => family !== null);
  return families.map((family) => `meta nfproto ${family} iifname "${name}" oifname != { "${name}", "lo" } masquerade`);
}
