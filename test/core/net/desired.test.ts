import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { overlaps } from '../../../core/net/cidr.ts';
import { allPeers, type DesiredPeer, desired, withPart } from '../../../core/net/desired.ts';
import { entitlementOf } from '../../../core/net/entitlement.ts';
import type { Cidr, DeviceInput, FragmentKey, NftRule } from '../../../core/net/inputs.ts';
import { changeBatch, replaceBatch } from '../../../core/net/nft.ts';
import { plan, planBetween } from '../../../core/net/plan.ts';
import { elementsOf } from '../../../core/net/ruleset.ts';
import { run } from '../../../core/system/run.ts';
import { device, inputs, NOW } from './inputs.ts';

const DURATION_SECONDS = 100;

/** A moment within two minutes of now, or none. */
const moment = fc.option(fc.integer({ min: -120, max: 120 }).map((seconds) => new Date(NOW.getTime() + seconds * 1_000)));
const seldom = fc.constantFrom(null, null, null, null, NOW);
const subnet = fc.constantFrom(
  '10.0.0.0/8',
  '10.3.2.0/24',
  '10.3.2.2/32',
  '192.168.0.0/16',
  '192.168.7.0/24',
  '192.168.7.9/32',
  '0.0.0.0/0',
  'fd01::/64',
  'fd00::/16',
  '::/0',
);
const devices: fc.Arbitrary<readonly DeviceInput[]> = fc
  .array(
    fc.record({
      disabledAt: moment,
      expiresAt: moment,
      user: fc.record({
        disabledAt: seldom,
        lastSignedInAt: moment,
        vpnSessionEndedAt: seldom,
      }),
      allowedSubnets: fc.array(subnet as fc.Arbitrary<Cidr>, { maxLength: 3 }),
    }),
    { maxLength: 8 },
  )
  .map((rows) => rows.map((row, index) => device(index + 1, { ...row, disabledAt: row.disabledAt && index % 3 === 0 ? row.disabledAt : null })));
const duration = fc.constantFrom(0, DURATION_SECONDS);

const ofDevices = (list: readonly DeviceInput[], seconds: number, now = NOW) => desired(inputs(list, [], { vpnSessionDurationSeconds: seconds }), now);
const present = (peer: DesiredPeer) => ({ ...peer, endpoint: null, latestHandshake: null, rxBytes: 0, txBytes: 0, keepalive: null });
const networksOf = (state: ReturnType<typeof desired>) => [...elementsOf(state.ruleset).keys()];

/** What nft makes of a batch, in the order of its lines. */
function afterBatch(batch: string, chains = new Map<string, string[]>(), elements = new Map<string, string>()) {
  for (const line of batch.split('\n')) {
    const [, verb = '', kind = '', name = '', rest = ''] = /^(\w+) (\w+) inet wiregui ?(\w*) ?(.*)$/.exec(line) ?? [];
    const listed = rest.replace(/^\{ | \}$/g, '').split(', ');
    const what = `${verb} ${kind}`;
    if (what === 'add chain') chains.set(name, chains.get(name) ?? []);
    else if (what === 'add rule') chains.get(name)?.push(rest);
    else if (what === 'flush chain') chains.set(name, []);
    else if (what === 'delete chain') expect(chains.delete(name)).toBe(true);
    else if (what === 'delete element') for (const network of listed) expect(elements.delete(`${name} ${network}`)).toBe(true);
    else if (what === 'add element')
      for (const [network, verdict = ''] of listed.map((each) => each.split(' : '))) {
        expect(elements.has(`${name} ${network}`)).toBe(false);
        elements.set(`${name} ${network}`, verdict);
      }
  }
  return { chains, elements };
}

describe('the desired state', () => {
  it('has exactly the entitled devices as peers, and nothing of the others anywhere', () => {
    fc.assert(
      fc.property(devices, duration, (list, seconds) => {
        const state = ofDevices(list, seconds);
        const entitled = list.filter((item) => entitlementOf(item, seconds, NOW).kind === 'entitled');
        expect(allPeers(state).map(({ publicKey }) => publicKey)).toEqual(entitled.map(({ publicKey }) => publicKey));
        expect(networksOf(state).sort()).toEqual(
          allPeers(state)
            .flatMap(({ allowedIps }) => allowedIps)
            .sort(),
        );
        expect(networksOf(state)).toEqual(expect.arrayContaining([...state.routes]));
      }),
    );
  });

  const ROTATED = { presharedKey: 'another' as DeviceInput['presharedKey'] };
  const MOVED = { ipv6: null };
  const owners = fc.shuffledSubarray([1, 2, 3, 4].map((number) => device(number).userId));
  const rules: fc.Arbitrary<readonly NftRule[]> = fc.array(fc.record({ verdict: fc.constantFrom('accept', 'drop') }), { maxLength: 2 });
  const fragments = fc.dictionary(fc.constantFrom('global', ...[1, 2, 3, 4].map((number) => `user:${device(number).userId}`)), rules) as fc.Arbitrary<
    Record<FragmentKey, readonly NftRule[]>
  >;

  it('is the same when only the users who differ are computed anew, and so are the steps there', () => {
    fc.assert(
      fc.property(devices, devices, owners, fragments, fragments, duration, (before, after, changing, oldRules, newRules, vpnSessionDurationSeconds) => {
        const ownedByFour = (list: readonly DeviceInput[]) => list.map((item, index) => ({ ...item, userId: device((index % 4) + 1).userId }));
        const isChanging = ({ userId }: Pick<DeviceInput, 'userId'>) => changing.includes(userId);
        const keys: FragmentKey[] = ['global', ...changing.map((userId) => `user:${userId}` as const)];
        const old = ownedByFour(before).filter((item) => isChanging(item) || Number(item.ipv4?.at(-1)) % 2 === 0);
        const fresh = ownedByFour(after).map((item) => ({ ...item, ...(item.expiresAt && ROTATED), ...(item.user.lastSignedInAt && MOVED) }));
        const list = [...old.filter((item) => !isChanging(item)), ...fresh.filter(isChanging)];
        const ofAll = { ...oldRules, ...Object.fromEntries(keys.map((key) => [key, newRules[key]])) };
        const entries = (Object.entries(ofAll) as [FragmentKey, readonly NftRule[] | undefined][]).flatMap(([key, some]) =>
          some ? [[key, some] as const] : [],
        );
        const changes = { vpnSessionDurationSeconds };
        const from = desired(inputs(old, Object.entries(oldRules) as [FragmentKey, readonly NftRule[]][], changes), NOW);
        const whole = desired(inputs(list, entries, changes), NOW);
        const part = { devices: list.filter(isChanging), fragments: new Map(entries.filter(([key]) => keys.includes(key))), vpnSessionDurationSeconds };
        const state = withPart(from, keys, part, NOW);
        if (state === null) {
          expect([...old, ...list].some(({ allowedSubnets }) => allowedSubnets.length > 0)).toBe(true);
          return;
        }
        const reached = afterBatch(replaceBatch(from.ruleset, null));
        expect(afterBatch(changeBatch(from.ruleset, state.ruleset), reached.chains, reached.elements)).toEqual(afterBatch(replaceBatch(whole.ruleset, null)));
        expect({ ...state, nextChangeAt: null }).toEqual({ ...whole, nextChangeAt: null });
        if (whole.nextChangeAt !== null) expect(state.nextChangeAt?.getTime()).toBeLessThanOrEqual(whole.nextChangeAt.getTime());
        const observed = {
          ...{
            link: { mtu: 1420, isUp: true, addresses: from.interface.addresses, routes: from.routes },
            missingForwarding: [],
            ruleset: from.ruleset,
            listing: null,
          },
          wg: {
            privateKey: from.interface.privateKey,
            listenPort: 51820,
            fwmark: 'off',
            peers: new Map(allPeers(from).map((peer) => [peer.publicKey, present(peer)])),
          },
        };
        const sorted = (steps: ReturnType<typeof plan>) => steps.map((step) => JSON.stringify(step).split('').sort().join(''));
        expect(sorted(planBetween(from, state))).toEqual(sorted(plan(whole, observed)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('does not depend on the order of the rows', () => {
    fc.assert(
      fc.property(devices, duration, (list, seconds) => {
        const [one, other] = [ofDevices(list, seconds), ofDevices(list.toReversed(), seconds)];
        expect(changeBatch(one.ruleset, other.ruleset)).toBe('');
        expect(changeBatch(other.ruleset, one.ruleset)).toBe('');
        expect(other.routes).toEqual(one.routes);
        expect(new Set(allPeers(other))).toEqual(new Set(allPeers(one)));
      }),
    );
  });

  it('gives no address to two devices, whatever networks are behind them', () => {
    fc.assert(
      fc.property(devices, (list) => {
        const networks = networksOf(ofDevices(list, 0));
        for (const [index, network] of networks.entries()) expect(networks.slice(index + 1).filter((other) => overlaps(network, other))).toEqual([]);
      }),
    );
  });

  it('stays as it is until the moment it names, and changes then', () => {
    fc.assert(
      fc.property(devices, duration, (list, seconds) => {
        const { nextChangeAt, peers } = ofDevices(list, seconds);
        const count = allPeers({ peers }).length;
        const at = nextChangeAt ?? new Date(NOW.getTime() + 1e12);
        expect(ofDevices(list, seconds, new Date(at.getTime() - 1)).peers).toEqual(peers);
        if (nextChangeAt !== null) expect(allPeers(ofDevices(list, seconds, at)).length).toBeLessThan(count);
      }),
    );
  });

  it('is accepted by nft', async () => {
    const list = [
      device(1, { allowedSubnets: ['0.0.0.0/0', '192.168.0.0/16', '192.168.7.0/24', '10.3.2.0/24', 'fd01::/64'] as Cidr[] }),
      device(2, { allowedSubnets: ['192.168.7.9/32', 'fd01::/64', 'not a network'] as Cidr[], ipv4: '172.16.0.5' }),
      device(3, { allowedSubnets: ['172.16.0.0/12'] as Cidr[] }),
    ];
    const { ruleset, routes } = ofDevices(list, 0);
    expect(routes).toEqual(['192.168.0.0/16', 'fd01::/64']);
    await expect(run(['nft', '-c', '-f', '-'], { stdin: replaceBatch(ruleset, null) })).resolves.toMatchObject({ exitCode: 0 });
  });

  it('switches on forwarding for the families it has, and no other', () => {
    const only4 = inputs([]);
    expect(desired({ ...only4, interface: { ...only4.interface, ipv6Network: null } }, NOW).forwarding).toEqual(['net.ipv4.ip_forward']);
    expect(desired(only4, NOW).forwarding).toHaveLength(2);
  });

  it('lets devices of one user share their chain', () => {
    const user = { userId: device(1).userId };
    const state = desired(inputs([device(1), device(2, user), device(3)], [[`user:${user.userId}`, [{ verdict: 'drop' }]]]), NOW);
    expect([...elementsOf(state.ruleset).values()]).toEqual([...Array(4).fill('goto user_00000000_0000_4000_8000_000000000001'), 'goto global', 'goto global']);
  });

  it('is planned for ten thousand devices without its cost growing faster than their number', () => {
    const many = inputs(
      Array.from({ length: 10_000 }, (_, index) => device(index + 1, index % 100 === 0 ? { allowedSubnets: [`172.16.${index / 100}.0/24` as Cidr] } : {})),
    );
    const start = performance.now();
    const state = desired(many, NOW);
    plan(state, { link: null, wg: null, missingForwarding: [], ruleset: null, listing: null });
    expect(performance.now() - start).toBeLessThan(2_000);
    expect([allPeers(state).length, elementsOf(state.ruleset).size]).toEqual([10_000, 20_100]);
    // In portions, and none is left out.
    expect(replaceBatch(state.ruleset, null).match(/ : goto /g)).toHaveLength(20_100);
  });
});
