import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cidr, NetworkInputs, UserId } from '../../core/net/inputs.ts';
import { changeBatch, replaceBatch } from '../../core/net/nft.ts';
import { buildRuleset, type Ruleset } from '../../core/net/ruleset.ts';
import { compile } from '../../plugins/firewall/compile.ts';
import type { Rule } from '../../plugins/firewall/store.ts';
import { createWire, WIRE_NETWORKS, type Wire } from '../support/wire.ts';

const ALLOWED = { address: '10.3.2.16', user: '00000000-0000-4000-8000-000000000001' as UserId };
const FORBIDDEN = { address: '10.3.2.17', user: '00000000-0000-4000-8000-000000000002' as UserId };
const DESTINATION = '10.0.0.5';
const PER_SECOND = 8_000;
const SECONDS = 4;
const CHANGES = 40;

describe('while rules change', () => {
  let wire: Wire;

  beforeAll(async () => {
    wire = await createWire([ALLOWED.address, FORBIDDEN.address, 'fd00::3:2:10']);
    const counters = [ALLOWED, FORBIDDEN].map(({ address }) => `ip saddr ${address} udp dport 9 counter drop`).join('; ');
    await wire.inHost(['nft', '-f', '-'], { stdin: `table inet witness { chain c { type filter hook prerouting priority 0; ${counters}; }\n}\n` });
  });
  afterAll(() => wire?.[Symbol.asyncDispose]());

  const send = async ({ address }: { readonly address: string }) => {
    const program = join(import.meta.dirname, '../support/programs/send-steadily.mjs');
    const { stdout } = await wire.inPeers([process.execPath, program, address, DESTINATION, '9', `${PER_SECOND}`, `${SECONDS}`], { deadlineMs: 20_000 });
    return Number(stdout);
  };
  const arrived = async () =>
    [...(await wire.inHost(['nft', 'list', 'table', 'inet', 'witness'])).stdout.matchAll(/counter packets (\d+)/g)].map(([, packets]) => Number(packets));

  /** Now one user's rules, now everybody's, now the order, now the map: some change each time. */
  function rulesetAt(change: number): Ruleset {
    const filler = (userId: UserId | null, index: number) =>
      rule({ userId, priority: 1 + index, protocol: 'tcp', portRange: String(1 + ((change + index) % 50)) });
    const rules = [
      rule({ userId: FORBIDDEN.user, action: 'drop', destination: `${DESTINATION}/32` as Cidr }),
      ...(change % 3 === 0 ? [] : [rule({ userId: ALLOWED.user, action: 'accept', destination: '10.0.0.0/16' as Cidr })]),
      ...Array.from({ length: 1 + (change % 5) }, (_, index) => filler(change % 2 === 0 ? null : FORBIDDEN.user, index)),
    ];
    const inputs = { ...INPUTS, interface: { ...INPUTS.interface, name: wire.interfaceName }, fragments: compile(rules, 'accept') };
    return buildRuleset(
      inputs,
      [ALLOWED, FORBIDDEN].map(({ address, user }) => ({ userId: user, networks: [`${address}/32` as Cidr] })),
    );
  }

  it(`${CHANGES} times under ${PER_SECOND} packets a second, every allowed packet arrives and no forbidden one`, async () => {
    let ruleset = rulesetAt(0);
    await wire.inServer(['nft', '-f', '-'], { stdin: replaceBatch(ruleset, null) });
    const sending = Promise.all([send(ALLOWED), send(FORBIDDEN)]);
    let changed = 0;
    const begun = performance.now();
    for (let change = 1; change <= CHANGES; change += 1) {
      const next = rulesetAt(change);
      // Every fifth time everything is replaced, as after somebody else's change.
      const batch =
        change % 5 === 0 ? replaceBatch(next, (await wire.inServer(['nft', 'list', 'table', 'inet', 'wiregui'])).stdout) : changeBatch(ruleset, next);
      await wire.inServer(['nft', '-f', '-'], { stdin: batch });
      ruleset = next;
      if (performance.now() - begun < SECONDS * 1_000) changed += 1;
    }
    const [sent, forbidden] = await sending;
    expect(changed).toBe(CHANGES);
    expect(forbidden).toBeGreaterThan(PER_SECOND * SECONDS * 0.9);
    expect(await arrived()).toEqual([sent, 0]);
  }, 60_000);
});

function rule(given: Partial<Rule>): Rule {
  const now = new Date(0);
  return {
    id: '',
    action: 'drop',
    destination: null,
    protocol: 'any',
    portRange: null,
    userId: null,
    priority: 0,
    enabled: true,
    comment: '',
    createdAt: now,
    updatedAt: now,
    ...given,
  };
}

const INPUTS: Omit<NetworkInputs, 'fragments'> = {
  interface: { name: '', privateKey: '' as never, listenPort: 51820, mtu: 1420, ipv4Network: WIRE_NETWORKS.ipv4 as Cidr, ipv6Network: null },
  masquerade: { ipv4: false, ipv6: false },
  allowPeerToPeer: false,
  allowLanToPeers: false,
  vpnSessionDurationSeconds: 0,
  devices: [],
};
