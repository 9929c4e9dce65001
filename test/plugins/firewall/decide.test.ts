import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Cidr } from '../../../core/net/inputs.ts';
import { decide, type Entry, EVERY_PORT, mismatch, type Region, regionsOf, spanOf } from '../../../plugins/firewall/decide.ts';

const span = (from: number, to: number) =>
  fc.tuple(fc.integer({ min: from, max: to }), fc.integer({ min: from, max: to })).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
const bigSpan = span(0, 12).map(({ from, to }) => ({ from: BigInt(from), to: BigInt(to) }));
const entry = fc.record({
  destination: fc.option(bigSpan),
  isIpv6: fc.boolean(),
  protocol: fc.constantFrom('any' as const, 'tcp' as const, 'udp' as const),
  ports: fc.option(span(0, 12)),
  verdict: fc.constantFrom('accept' as const, 'drop' as const),
  by: fc.nat(1_000),
});
const everything: Entry<number> = { destination: null, isIpv6: false, protocol: 'any', ports: null, verdict: 'drop', by: -1 };

describe('deciding over a region', () => {
  it('says of each packet in it what asking for that packet alone says, and of each exactly once', () => {
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 8 }),
        bigSpan,
        span(0, 12),
        fc.boolean(),
        fc.constantFrom('tcp' as const, 'udp' as const),
        (some, addresses, ports, isIpv6, transport) => {
          const entries = [...some, everything];
          const verdicts = decide(entries, { isIpv6, transport, addresses, ports });
          for (let address = addresses.from; address <= addresses.to; address += 1n) {
            for (let port = ports.from; port <= ports.to; port += 1) {
              const packet: Region = { isIpv6, transport, addresses: { from: address, to: address }, ports: { from: port, to: port } };
              const first = entries.find((candidate) => mismatch(candidate, packet) === null);
              const holding = verdicts.filter(
                ({ region }) => region.addresses.from <= address && address <= region.addresses.to && region.ports.from <= port && port <= region.ports.to,
              );
              expect(holding.map(({ by, verdict }) => [by, verdict])).toEqual([[first?.by, first?.verdict]]);
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('takes any protocol for all there are, each with all its ports', () => {
    expect(regionsOf('10.0.0.0/8' as Cidr, 'any', null).map(({ transport, ports }) => [transport, ports])).toEqual(
      ['tcp', 'udp', 'icmp', 'other'].map((transport) => [transport, EVERY_PORT]),
    );
    expect(spanOf('fd00::/126' as Cidr)).toEqual({ from: 0xfd000000000000000000000000000000n, to: 0xfd000000000000000000000000000003n });
    expect(spanOf('0.0.0.0/0' as Cidr)).toEqual({ from: 0n, to: 0xffffffffn });
  });
});
