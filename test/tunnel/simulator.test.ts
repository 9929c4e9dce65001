import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cidr, NetworkInputs, UserId } from '../../core/net/inputs.ts';
import { changeBatch, replaceBatch } from '../../core/net/nft.ts';
import { buildRuleset, type Ruleset } from '../../core/net/ruleset.ts';
import { compile, entriesFor } from '../../plugins/firewall/compile.ts';
import { decide } from '../../plugins/firewall/decide.ts';
import { packetTo } from '../../plugins/firewall/simulator.ts';
import type { Rule } from '../../plugins/firewall/store.ts';
import { ANOTHER_PEER, createWire, WIRE_NETWORKS, type Wire } from '../support/wire.ts';

interface Packet {
  readonly user: number;
  readonly destination: string;
  readonly protocol: 'tcp' | 'udp' | 'icmp';
  readonly port: number;
}

const USERS = 16;
const BATCHES = 40;
const PACKETS = 12;

const userId = (user: number) => `00000000-0000-4000-8000-${String(user).padStart(12, '0')}` as UserId;
const ipv4Of = (user: number) => `10.3.2.${user + 16}`;
const ipv6Of = (user: number) => `fd00::3:2:${(user + 16).toString(16)}`;
const sourceOf = ({ user, destination }: Packet) => (destination.includes(':') ? ipv6Of(user) : ipv4Of(user));

const ports = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 4 }))
  .map(([from, more]) => (more === 0 ? `${from}` : `${from}-${from + more}`));
const rule = fc
  .record({
    action: fc.constantFrom('accept' as const, 'drop' as const),
    destination: fc.constantFrom(
      null,
      '10.0.0.0/16',
      '10.0.0.0/30',
      '10.0.0.1/32',
      '10.0.0.2/32',
      '10.0.0.4/31',
      '2001:db8::/64',
      '2001:db8::1/128',
      '2001:db8::2/127',
      '0.0.0.0/0',
      '::/0',
      '10.3.0.0/16',
    ),
    protocol: fc.constantFrom('any' as const, 'tcp' as const, 'udp' as const, 'icmp' as const),
    portRange: fc.option(ports),
    priority: fc.nat(3),
    enabled: fc.boolean(),
  })
  .map((given) => ({ ...given, portRange: given.protocol === 'tcp' || given.protocol === 'udp' ? given.portRange : null }));
const packet = fc.record({
  destination: fc.constantFrom(
    '10.0.0.1',
    '10.0.0.2',
    '10.0.0.3',
    '10.0.0.4',
    '10.0.0.9',
    '2001:db8::1',
    '2001:db8::2',
    '2001:db8::3',
    '2001:db8::9',
    ANOTHER_PEER,
  ),
  protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'icmp' as const),
  port: fc.integer({ min: 1, max: 14 }),
});
const batch = fc.record({
  rules: fc.array(fc.tuple(fc.integer({ min: -2, max: USERS - 1 }), rule), { minLength: 20, maxLength: 80 }),
  packets: fc.array(packet, { minLength: USERS * PACKETS, maxLength: USERS * PACKETS }),
  policy: fc.constantFrom('accept' as const, 'drop' as const),
  allowPeerToPeer: fc.boolean(),
});

describe('the simulator', () => {
  let wire: Wire;

  beforeAll(async () => {
    wire = await createWire(SOURCES.flatMap(({ networks }) => networks.map((network) => network.replace(/\/\d+$/, ''))));
    for (const inside of [wire.inHost, wire.inPeers]) await inside(['nft', '-f', '-'], { stdin: WITNESS });
  });
  afterAll(() => wire?.[Symbol.asyncDispose]());

  it(`says of ${BATCHES * USERS} random rule sets what nftables does to packets`, async () => {
    let before: Ruleset | null = null;
    let accepted = 0;
    const batches = fc.sample(batch, BATCHES);
    for (const { rules: given, packets: drawn, policy, allowPeerToPeer } of batches) {
      const rules = given.map(
        ([user, one], index): Rule => ({
          ...one,
          id: `${index}`,
          userId: user < 0 ? null : userId(user),
          destination: one.destination as Cidr | null,
          comment: '',
          createdAt: new Date(index),
          updatedAt: new Date(index),
        }),
      );
      const ordered = rules.toSorted((a, b) => a.priority - b.priority || a.createdAt.getTime() - b.createdAt.getTime());
      const next = buildRuleset(
        {
          ...INPUTS,
          interface: { ...INPUTS.interface, name: wire.interfaceName },
          allowPeerToPeer,
          fragments: compile(
            ordered.filter(({ enabled }) => enabled),
            policy,
          ),
        },
        SOURCES,
      );
      await wire.inServer(['nft', '-f', '-'], { stdin: before === null ? replaceBatch(next, null) : changeBatch(before, next) });
      before = next;

      const packets = drawn.map((one, index): Packet => ({ ...one, user: index % USERS }));
      const arrived = await send(packets);
      const topology = { ...TOPOLOGY, allowPeerToPeer };
      for (const one of packets) {
        const own = ordered.filter((candidate) => candidate.userId === userId(one.user));
        const global = ordered.filter((candidate) => candidate.userId === null);
        const [verdict] = decide(entriesFor(own, global, policy, topology), packetTo(one.destination, one.protocol, one.protocol === 'icmp' ? null : one.port));
        accepted += verdict?.verdict === 'accept' ? 1 : 0;
        expect(arrived.has(keyOf(one)) ? 'accept' : 'drop', `${JSON.stringify(one)} by ${JSON.stringify(verdict?.by)}`).toBe(verdict?.verdict);
      }
    }
    // Of a test that lets nothing or everything through nothing would follow.
    expect(accepted / (BATCHES * USERS * PACKETS)).toBeGreaterThan(0.2);
    expect(accepted / (BATCHES * USERS * PACKETS)).toBeLessThan(0.8);
  }, 300_000);

  /** Sends them all, and answers which came to where they were sent. */
  async function send(packets: readonly Packet[]): Promise<ReadonlySet<string>> {
    for (const inside of [wire.inHost, wire.inPeers])
      await inside(['nft', '-f', '-'], { stdin: 'flush set inet witness seen4\nflush set inet witness seen6\n' });
    const list = packets.map((one) => ({ ...one, source: sourceOf(one) }));
    await wire.inPeers([process.execPath, join(import.meta.dirname, '../support/programs/send-packets.mjs')], {
      stdin: JSON.stringify(list),
      deadlineMs: 20_000,
    });
    const arrived = new Set<string>();
    for (const inside of [wire.inHost, wire.inPeers]) {
      for (const set of ['seen4', 'seen6']) {
        const { stdout } = await inside(['nft', '-j', 'list', 'set', 'inet', 'witness', set]);
        for (const element of elementsOf(stdout)) arrived.add(element);
      }
    }
    return arrived;
  }
});

// Notes where packets came to; what its own sender sends does not pass `prerouting` there.
const WITNESS = `table inet witness {
  set seen4 { type ipv4_addr . ipv4_addr . inet_proto . inet_service; flags dynamic; size 65535; }
  set seen6 { type ipv6_addr . ipv6_addr . inet_proto . inet_service; flags dynamic; size 65535; }
  chain c {
    type filter hook prerouting priority 0;
    ip protocol { tcp, udp } add @seen4 { ip saddr . ip daddr . ip protocol . th dport }
    icmp type echo-request add @seen4 { ip saddr . ip daddr . ip protocol . 0 }
    meta l4proto { tcp, udp } add @seen6 { ip6 saddr . ip6 daddr . meta l4proto . th dport }
    icmpv6 type echo-request add @seen6 { ip6 saddr . ip6 daddr . meta l4proto . 0 }
  }
}
`;

const INPUTS: Omit<NetworkInputs, 'fragments'> = {
  interface: {
    name: '',
    privateKey: '' as never,
    listenPort: 51820,
    mtu: 1420,
    ipv4Network: WIRE_NETWORKS.ipv4 as Cidr,
    ipv6Network: WIRE_NETWORKS.ipv6 as Cidr,
  },
  masquerade: { ipv4: false, ipv6: false },
  allowPeerToPeer: false,
  allowLanToPeers: false,
  vpnSessionDurationSeconds: 0,
  devices: [],
};
const SOURCES = Array.from({ length: USERS }, (_, user) => ({
  userId: userId(user),
  networks: [`${ipv4Of(user)}/32`, `${ipv6Of(user)}/128`] as Cidr[],
}));

const TOPOLOGY = {
  peerNetworks: [WIRE_NETWORKS.ipv4, WIRE_NETWORKS.ipv6] as Cidr[],
  boxAddresses: [`${WIRE_NETWORKS.gateway4}/32`, `${WIRE_NETWORKS.gateway6}/128`] as Cidr[],
};

function keyOf(packet: Packet): string {
  const port = packet.protocol === 'icmp' ? 0 : packet.port;
  const protocol = packet.protocol === 'icmp' && packet.destination.includes(':') ? 'ipv6-icmp' : packet.protocol;
  return [sourceOf(packet), packet.destination, protocol, port].join(' ');
}

function elementsOf(json: string): readonly string[] {
  const { nftables } = JSON.parse(json) as {
    nftables: { set?: { elem?: { concat?: (string | number)[]; elem?: { val: { concat: (string | number)[] } } }[] } }[];
  };
  return nftables.flatMap(({ set }) => (set?.elem ?? []).map((element) => (element.concat ?? element.elem?.val.concat ?? []).join(' ')));
}
