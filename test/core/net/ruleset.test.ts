import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allPeers, desired } from '../../../core/net/desired.ts';
import type { Cidr, DeviceInput, FragmentKey, NetworkInputs, NftRule } from '../../../core/net/inputs.ts';
import { changeBatch, replaceBatch } from '../../../core/net/nft.ts';
import { plan } from '../../../core/net/plan.ts';
import { ruleLine } from '../../../core/net/rule-text.ts';
import type { Ruleset } from '../../../core/net/ruleset.ts';
import { run } from '../../../core/system/run.ts';

const NOW = new Date('2026-06-01T12:00:00Z');

function device(number: number, changes: Partial<DeviceInput> = {}): DeviceInput {
  return {
    id: `device-${number}` as DeviceInput['id'],
    userId: `00000000-0000-4000-8000-00000000000${number}` as DeviceInput['userId'],
    publicKey: `key${number}` as DeviceInput['publicKey'],
    presharedKey: `psk${number}` as DeviceInput['presharedKey'],
    ipv4: `10.3.2.${number + 1}`,
    ipv6: `fd00::3:2:${number + 1}`,
    allowedSubnets: [],
    disabledAt: null,
    expiresAt: null,
    user: { disabledAt: null, lastSignedInAt: NOW, vpnSessionEndedAt: null },
    ...changes,
  };
}

function inputs(
  devices: readonly DeviceInput[],
  fragments: readonly (readonly [FragmentKey, readonly NftRule[]])[] = [],
  changes: Partial<NetworkInputs> = {},
): NetworkInputs {
  return {
    interface: {
      name: 'wg-test',
      privateKey: 'private' as NetworkInputs['interface']['privateKey'],
      listenPort: 51820,
      mtu: 1420,
      ipv4Network: '10.3.2.0/24' as Cidr,
      ipv6Network: 'fd00::3:2:0/120' as Cidr,
    },
    masquerade: { ipv4: true, ipv6: true },
    allowPeerToPeer: false,
    allowLanToPeers: false,
    vpnSessionDurationSeconds: 0,
    devices,
    fragments: new Map(fragments),
    ...changes,
  };
}

const rules: readonly NftRule[] = [
  { destination: '10.0.0.5/32' as Cidr, protocol: 'tcp', ports: { from: 443, to: 443 }, verdict: 'accept' },
  { destination: '2001:db8::/32' as Cidr, protocol: 'icmp', verdict: 'drop' },
  { protocol: 'icmp', verdict: 'accept' },
  { verdict: 'drop' },
];
const user1 = 'user:00000000-0000-4000-8000-000000000001' as const;
const full = desired(
  inputs(
    [device(1, { allowedSubnets: ['192.168.7.0/24' as Cidr] }), device(2)],
    [
      [user1, rules],
      ['global', [{ verdict: 'accept' }]],
    ],
  ),
  NOW,
).ruleset;

describe('the ruleset', () => {
  it('is this text, whole', () => {
    expect(replaceBatch(full, null)).toMatchSnapshot();
  });

  it('is changed by touching only what differs', () => {
    const fewer = desired(inputs([device(2)], [['global', [{ verdict: 'drop' }]]]), NOW).ruleset;
    expect(changeBatch(full, fewer)).toMatchSnapshot();
    expect(changeBatch(fewer, full)).toMatchSnapshot();
    expect(changeBatch(full, full)).toBe('');
  });

  it('leaves the chain of a user as it is whose addresses alone are others', () => {
    const fragments = [[user1, rules]] as const;
    const [before, after] = [{}, { ipv6: null }].map((change) => desired(inputs([device(1, change)], fragments), NOW).ruleset);
    expect(changeBatch(before as Ruleset, after as Ruleset)).toBe('delete element inet wiregui sources6 { fd00::3:2:2/128 }\n');
  });

  it('never deletes a base chain nor the table, for a packet would slip through in between', () => {
    const empty = desired(inputs([]), NOW).ruleset;
    for (const batch of [replaceBatch(empty, replaceBatch(full, null)), changeBatch(full, empty)])
      expect(batch).not.toMatch(/delete (table|chain inet wiregui (forward|input|postrouting|from_peers|to_peers|global)\b)/);
  });

  it('is accepted by nft', async () => {
    const file = join(tmpdir(), `wiregui-check-${process.pid}.nft`);
    writeFileSync(file, replaceBatch(full, null));
    await expect(run(['nft', '-c', '-f', file])).resolves.toMatchObject({ exitCode: 0 });
  });

  it('takes no text into a rule that is not an address', () => {
    expect(() => ruleLine({ destination: '10.0.0.0/8 accept; add rule x' as Cidr, verdict: 'drop' })).toThrow(TypeError);
  });
});

describe('a plan', () => {
  const state = desired(inputs([device(1), device(2)]), NOW);
  const matching = {
    link: { mtu: 1420, isUp: true, addresses: state.interface.addresses, routes: [] },
    wg: {
      privateKey: state.interface.privateKey,
      listenPort: 51820,
      fwmark: 'off',
      peers: new Map(
        allPeers(state).map((peer) => [peer.publicKey, { ...peer, endpoint: null, latestHandshake: null, rxBytes: 0, txBytes: 0, keepalive: null }]),
      ),
    },
    missingForwarding: [],
    ruleset: state.ruleset,
    listing: null,
  };

  it('is empty when the kernel agrees', () => {
    expect(plan(state, matching)).toEqual([]);
  });

  it('makes everything, rules before peers, when there is nothing', () => {
    const steps = plan(state, { link: null, wg: null, missingForwarding: ['net.ipv4.ip_forward'], ruleset: null, listing: null });
    expect(steps.map(({ kind }) => kind)).toEqual([
      'enable-forwarding',
      'create-interface',
      'configure-interface',
      'add-address',
      'add-address',
      'set-link',
      'apply-ruleset',
      'set-peers',
      'forget-flows',
    ]);
  });

  it('adds a rotated key before it removes the old one, and forgets flows of who is gone', () => {
    const rotated = desired(inputs([device(1, { publicKey: 'new' as DeviceInput['publicKey'] })]), NOW);
    expect(plan(rotated, matching).map(({ kind }) => kind)).toEqual(['apply-ruleset', 'set-peers', 'remove-peers', 'forget-flows']);
  });

  it('forgets flows of whoever a tighter rule for everybody concerns, wherever their addresses are', () => {
    const elsewhere = [device(1), device(2, { ipv4: '172.16.0.5' })];
    const own = ['user:00000000-0000-4000-8000-000000000002', rules] as const;
    const moved = [device(1), device(2, { ipv4: '172.16.0.5', ipv6: null })];
    const tighter = desired(inputs(moved, [own, ['global', [{ verdict: 'drop' }]]]), NOW);
    const steps = plan(tighter, { ...matching, ruleset: desired(inputs(elsewhere, [own]), NOW).ruleset });
    expect(steps.at(-1)).toEqual({ kind: 'forget-flows', networks: ['10.3.2.0/24', 'fd00::3:2:0/120', '172.16.0.5/32'] });
  });

  it('changes a preshared key in place', () => {
    const changed = desired(inputs([device(1, { presharedKey: 'other' as DeviceInput['presharedKey'] }), device(2)]), NOW);
    expect(plan(changed, matching)).toMatchObject([{ kind: 'set-peers', peers: [{ publicKey: 'key1', presharedKey: 'other' }] }]);
  });
});

describe('the desired state', () => {
  const session = { vpnSessionDurationSeconds: 3600 };
  it.each([
    ['a paused device', device(1, { disabledAt: NOW }), {}],
    ['an expired device', device(1, { expiresAt: NOW }), {}],
    ["a disabled user's device", device(1, { user: { disabledAt: NOW, lastSignedInAt: NOW, vpnSessionEndedAt: null } }), {}],
    ['a device whose VPN session was ended', device(1, { user: { disabledAt: null, lastSignedInAt: NOW, vpnSessionEndedAt: NOW } }), {}],
    [
      'a device whose VPN session ran out',
      device(1, { user: { disabledAt: null, lastSignedInAt: new Date(NOW.getTime() - 3_600_000), vpnSessionEndedAt: null } }),
      session,
    ],
    [
      'a device of somebody who never signed in, when sessions run out',
      device(1, { user: { disabledAt: null, lastSignedInAt: null, vpnSessionEndedAt: null } }),
      session,
    ],
  ])('has nothing of %s', (_, excluded, changes) => {
    const state = desired(inputs([excluded], [], changes), NOW);
    expect([state.peers.size, state.ruleset.users.size, state.routes.length]).toEqual([0, 0, 0]);
  });

  it('says when it next changes by itself', () => {
    const soon = new Date(NOW.getTime() + 5_000);
    expect(desired(inputs([device(1), device(2, { expiresAt: soon })]), NOW).nextChangeAt).toEqual(soon);
    expect(desired(inputs([device(1)], [], session), NOW).nextChangeAt).toEqual(new Date(NOW.getTime() + 3_600_000));
    expect(desired(inputs([device(1)]), NOW).nextChangeAt).toBeNull();
  });
});
