import { describe, expect, it } from 'vitest';
import type { Cidr, NftRule } from '../../../core/net/inputs.ts';
import { chainOf, checkFragments, ruleLine } from '../../../core/net/rule-text.ts';

describe('a rule becomes text', () => {
  it.each<[NftRule, string]>([
    [{ verdict: 'accept' }, 'accept'],
    [{ destination: '10.0.0.0/8' as Cidr, verdict: 'drop' }, 'ip daddr 10.0.0.0/8 drop'],
    [{ destination: '::/0' as Cidr, protocol: 'tcp', verdict: 'drop' }, 'ip6 daddr ::/0 meta l4proto tcp drop'],
    [{ protocol: 'udp', ports: { from: 53, to: 53 }, verdict: 'accept' }, 'udp dport 53 accept'],
    [{ protocol: 'tcp', ports: { from: 1, to: 65_535 }, verdict: 'accept' }, 'tcp dport 1-65535 accept'],
    [{ protocol: 'icmp', verdict: 'accept' }, 'meta l4proto { icmp, ipv6-icmp } accept'],
    [{ destination: 'fd00::/64' as Cidr, protocol: 'icmp', verdict: 'drop' }, 'ip6 daddr fd00::/64 meta l4proto ipv6-icmp drop'],
  ])('%j', (rule, text) => {
    expect(ruleLine(rule)).toBe(text);
  });

  it.each<[string, unknown]>([
    ['a port without its protocol, which would match everything', { ports: { from: 443, to: 443 }, verdict: 'accept' }],
    ['ports of icmp', { protocol: 'icmp', ports: { from: 1, to: 2 }, verdict: 'accept' }],
    ['ports the wrong way round', { protocol: 'tcp', ports: { from: 2, to: 1 }, verdict: 'accept' }],
    ['port 0', { protocol: 'tcp', ports: { from: 0, to: 1 }, verdict: 'accept' }],
    ['a port that is no number', { protocol: 'tcp', ports: { from: '1 accept; drop', to: 9 }, verdict: 'accept' }],
    ['a fraction of a port', { protocol: 'tcp', ports: { from: 1.5, to: 9 }, verdict: 'accept' }],
    ['text in the protocol', { protocol: 'tcp accept; meta l4proto udp', verdict: 'drop' }],
    ['text in the destination', { destination: '10.0.0.0/8 accept', verdict: 'drop' }],
    ['a line break in the destination', { destination: '10.0.0.0/8\nflush ruleset', verdict: 'drop' }],
    ['a prefix that is too long', { destination: '10.0.0.0/33', verdict: 'drop' }],
    ['host bits', { destination: '10.0.0.1/8', verdict: 'drop' }],
    ['another verdict', { verdict: 'jump elsewhere' }],
  ])('unless it has %s', (_, rule) => {
    expect(() => ruleLine(rule as NftRule)).toThrow(TypeError);
    expect(() => checkFragments(new Map([['global', [rule as NftRule]]]))).toThrow(TypeError);
  });

  it('and a user’s id the name of a chain, unless it is none', () => {
    expect(chainOf('0b0f-77')).toBe('user_0b0f_77');
    for (const id of ['', 'a b', 'a;b', 'x'.repeat(65), 'é', 'global']) expect(() => chainOf(id)).toThrow(TypeError);
  });
});
