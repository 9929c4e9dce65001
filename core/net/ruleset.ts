import { isIpv6 } from './cidr.ts';
import type { Cidr, NetworkInputs, NftRule, UserId } from './inputs.ts';

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
    ['global', [...(fragments.get('global') ?? []).map(ruleLine), 'accept']],
  ]);
  for (const userId of [...usersWithRules].sort()) chains.set(chainOf(userId), [...(fragments.get(`user:${userId}`) ?? []).map(ruleLine), 'goto global']);
  const elements = sources.flatMap(({ userId, networks }) =>
    networks.map((network) => [network, `goto ${usersWithRules.has(userId) ? chainOf(userId) : 'global'}`] as const),
  );
  return { chains, sources4: sorted(elements.filter(([network]) => !isIpv6(network))), sources6: sorted(elements.filter(([network]) => isIpv6(network))) };
}

/** `goto` chains of users are named after their ids. Throws on an id that is none. */
function chainOf(userId: UserId): string {
  if (!/^[0-9a-f-]{1,64}$/i.test(userId)) throw new TypeError(`not a user id: ${userId}`);
  return `user_${userId.replaceAll('-', '_')}`;
}

function masqueradeLines(name: string, masquerade: NetworkInputs['masquerade']): readonly string[] {
  const families = [masquerade.ipv4 ? 'ipv4' : null, masquerade.ipv6 ? 'ipv6' : null].filter((family) => family !== null);
  return families.map((family) => `meta nfproto ${family} iifname "${name}" oifname != { "${name}", "lo" } masquerade`);
}

/** One rule as nft text, from typed values alone. */
export function ruleLine({ destination, protocol, ports, verdict }: NftRule): string {
  const parts = [destinationMatch(destination), protocolMatch(destination, protocol, ports), verdict === 'accept' ? 'accept' : 'drop'];
  return parts.filter((part) => part !== '').join(' ');
}

function destinationMatch(destination: Cidr | undefined): string {
  if (destination === undefined) return '';
  if (!/^[0-9a-f.:]+\/\d{1,3}$/.test(destination)) throw new TypeError(`not a network: ${destination}`);
  return `${isIpv6(destination) ? 'ip6' : 'ip'} daddr ${destination}`;
}

function protocolMatch(destination: Cidr | undefined, protocol: NftRule['protocol'], ports: NftRule['ports']): string {
  if (protocol === undefined) return '';
  if (protocol === 'icmp') return destination === undefined ? 'meta l4proto { icmp, ipv6-icmp }' : `meta l4proto ${isIpv6(destination) ? 'ipv6-icmp' : 'icmp'}`;
  if (ports === undefined) return `meta l4proto ${protocol}`;
  return `${protocol} dport ${Math.trunc(ports.from)}-${Math.trunc(ports.to)}`;
}

function sorted(elements: readonly (readonly [Cidr, string])[]): ReadonlyMap<Cidr, string> {
  return new Map([...elements].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
