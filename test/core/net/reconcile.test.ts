import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Cidr, DeviceInput, NetworkInputs, NftRule } from '../../../core/net/inputs.ts';
import { createKernel } from '../../../core/net/kernel.ts';
import { createReconciler, type Reconciler } from '../../../core/net/reconcile.ts';
import { createTestClock, type TestClock } from '../../support/clock.ts';
import { until } from '../../support/wait.ts';
import { device, inputs, keyOf, NOW } from './inputs.ts';
import { createMachine, type Machine } from './machine.ts';

const log = pino({ enabled: false });

describe('the reconciler', () => {
  let machine: Machine;
  let clock: TestClock;
  let wanted: NetworkInputs;
  let loads: number;
  let partLoads: (readonly string[])[];
  let monitors: { readonly program: string; readonly onLine: (line: string) => void; readonly onEnd: (code: number | null) => void }[];
  let reconciler: Reconciler;

  beforeEach(() => {
    machine = createMachine();
    clock = createTestClock(NOW);
    wanted = inputs([device(1)]);
    loads = 0;
    partLoads = [];
    monitors = [];
    reconciler = start();
  });

  function start(): Reconciler {
    return createReconciler({
      load: async () => {
        loads += 1;
        return wanted;
      },
      loadPart: async (keys) => {
        partLoads.push(keys);
        return { ...wanted, devices: wanted.devices.filter(({ userId }) => keys.includes(`user:${userId}`)) };
      },
      kernel: createKernel(machine.run, log),
      watch: (argv, onLine, onEnd) => {
        monitors.push({ program: argv.join(' '), onLine, onEnd });
        return () => {};
      },
      clock,
      log,
      onChange: () => {},
    });
  }

  const lines = () => machine.changes.map(({ line }) => line);
  const isMarked = () => until('the table is marked', () => machine.marks.length === 1);
  const forget = () => machine.changes.splice(0);

  it('changes nothing the second time', async () => {
    await reconciler.request();
    await isMarked();
    forget();
    expect(await reconciler.request()).toMatchObject({ kind: 'applied' });
    expect(lines()).toEqual([]);
  });

  it('reads and writes only the rules that a request names, and the result is that of a whole pass', async () => {
    await reconciler.request();
    await isMarked();
    forget();
    const rule: NftRule = { protocol: 'tcp', verdict: 'drop' };
    const [{ userId }] = wanted.devices as [NetworkInputs['devices'][number]];
    wanted = inputs([device(1)], [[`user:${userId}`, [rule]]]);
    expect(await reconciler.request([`user:${userId}`])).toMatchObject({ kind: 'applied' });
    expect([loads, partLoads]).toEqual([1, [[`user:${userId}`]]]);
    expect(lines()).toEqual([
      'nft -f -',
      'conntrack -D -s 10.3.2.2/32',
      'conntrack -D -d 10.3.2.2/32',
      'conntrack -D -s fd00::3:2:2/128',
      'conntrack -D -d fd00::3:2:2/128',
    ]);
    expect(machine.changes[0]?.stdin).toContain('meta l4proto tcp drop');
    await until('the table is marked anew', () => lines().filter((line) => line === 'nft -f -').length === 2);
    forget();
    await reconciler.request();
    expect(lines()).toEqual([]);
    await reconciler.request([`user:${userId}`, 'global']);
    expect(lines()).toEqual([]);
  });

  it('looks at everything again once something has failed, whatever the next request names', async () => {
    await reconciler.request();
    machine.broken.add('nft -f');
    wanted = inputs([device(1), device(2)], [['global', [{ verdict: 'drop' }]]]);
    expect(await reconciler.request()).toMatchObject({ kind: 'failed' });
    machine.broken.clear();
    expect(await reconciler.request(['global'])).toMatchObject({ kind: 'applied' });
    expect([loads, partLoads]).toEqual([3, []]);
    expect(machine.peers.has(keyOf(2))).toBe(true);
  });

  it('changes nothing when the service starts again', async () => {
    await reconciler.request();
    await isMarked();
    forget();
    await start().start();
    expect(lines()).toEqual([]);
  });

  it.each<[string, () => void]>([
    ['the table has been changed', () => machine.table?.push('add rule inet wiregui global accept')],
    ['the table has been deleted', () => Object.assign(machine, { table: null, marks: [] })],
    ['other rules are wanted', () => (wanted = inputs([device(1)], [['global', [{ verdict: 'drop' }]]]))],
  ])('replaces the rules in place, and forgets flows, when meanwhile %s', async (_, meanwhile) => {
    await reconciler.request();
    await isMarked();
    forget();
    meanwhile();
    await start().start();
    expect(lines().filter((line) => !line.startsWith('conntrack'))[0]).toBe('nft -f -');
    expect(lines()).toContain('conntrack -D -d 10.3.0.0/16');
    expect(lines().some((line) => line.startsWith('wg') || line.startsWith('ip'))).toBe(false);
  });

  it('lets all requests that arrive during a pass share the next', async () => {
    const first = reconciler.request();
    const others = Array.from({ length: 10 }, () => reconciler.request());
    expect(reconciler.status()).toEqual({ kind: 'pending' });
    await Promise.all([first, ...others]);
    expect(loads).toBe(2);
  });

  it('answers a request with what was loaded after it', async () => {
    const first = reconciler.request();
    wanted = inputs([device(1), device(2)]);
    const second = reconciler.request();
    await first;
    await second;
    expect([...machine.peers.keys()]).toEqual([keyOf(1), keyOf(2)]);
  });

  it('removes a peer at the moment it expires', async () => {
    wanted = inputs([device(1, { expiresAt: new Date(NOW.getTime() + 5_000) })]);
    await reconciler.request();
    clock.advance(4_999);
    await reconciler.request();
    expect(machine.peers.size).toBe(1);
    clock.advance(1);
    await until('the peer is gone', () => machine.peers.size === 0);
  });

  it('removes an expiring peer in time although something else keeps failing', async () => {
    wanted = inputs([device(1, { expiresAt: new Date(NOW.getTime() + 5_500) })]);
    wanted = { ...wanted, interface: { ...wanted.interface, mtu: 1300 } };
    machine.broken.add('ip link set');
    expect(await reconciler.request()).toMatchObject({ kind: 'failed', why: 'ip link set is broken' });
    for (let second = 0; second < 5; second += 1) {
      clock.advance(1_000);
      await reconciler.request();
    }
    expect(machine.peers.size).toBe(1);
    clock.advance(500);
    await until('the peer is gone', () => machine.peers.size === 0);
  });

  it('lets nobody in but still puts out who must go while the rules cannot be applied', async () => {
    await reconciler.request();
    await isMarked();
    machine.broken.add('nft -f');
    wanted = inputs([device(2)], [['global', [{ verdict: 'drop' }]]]);
    expect(await reconciler.request()).toMatchObject({ kind: 'failed', why: 'nft -f is broken' });
    expect(machine.peers.size).toBe(0);
    machine.broken.clear();
    clock.advance(1_000);
    await until('the retry has let it in', () => machine.peers.has(keyOf(2)));
    await until('it says so', () => reconciler.status().kind === 'applied');
  });

  it('tries again after one second, then two, then four', async () => {
    machine.broken.add('ip link add');
    await reconciler.request();
    const loadsAfter = async (ms: number) => {
      clock.advance(ms);
      await until('the pass is over', () => reconciler.status().kind !== 'pending');
      return loads;
    };
    expect([await loadsAfter(999), await loadsAfter(1), await loadsAfter(1_999), await loadsAfter(1), await loadsAfter(3_999), await loadsAfter(1)]).toEqual([
      1, 2, 2, 3, 3, 4,
    ]);
  });

  it('does not write the rules again because something else failed', async () => {
    machine.broken.add('ip link set');
    await reconciler.request();
    await isMarked();
    forget();
    wanted = { ...wanted, interface: { ...wanted.interface, mtu: 1300 } };
    expect(await reconciler.request()).toMatchObject({ kind: 'failed' });
    expect(await reconciler.request()).toMatchObject({ kind: 'failed' });
    expect(lines()).toEqual([]);
    expect(reconciler.drift()).toEqual([]);
  });

  it('is not held up by a machine without conntrack', async () => {
    machine.broken.add('conntrack');
    const { run } = machine;
    const { Unavailable } = await import('../../../core/errors.ts');
    const kernel = createKernel((argv, options) => (argv[0] === 'conntrack' ? Promise.reject(new Unavailable('no conntrack')) : run(argv, options)), log);
    const other = createReconciler({
      load: async () => wanted,
      loadPart: async () => wanted,
      kernel,
      watch: () => () => {},
      clock,
      log,
      onChange: () => {},
    });
    expect(await other.request()).toMatchObject({ kind: 'applied' });
  });

  it('counts all that was put back, and keeps the newest fifty', async () => {
    await reconciler.request();
    for (let time = 0; time < 53; time += 1) {
      machine.peers.delete(keyOf(1));
      await reconciler.request();
    }
    expect([reconciler.driftCount(), reconciler.drift().length]).toEqual([53, 50]);
  });

  it('puts back and describes what others have done', async () => {
    await reconciler.start();
    await isMarked();
    machine.peers.delete(keyOf(1));
    machine.addresses.delete('10.3.0.1/16');
    machine.addresses.add('10.99.0.1/24');
    machine.table?.pop();
    monitors.find(({ program }) => program === 'nft monitor')?.onLine('delete rule inet wiregui global handle 7');
    clock.advance(100);
    await until('it is put back', () => machine.peers.has(keyOf(1)) && machine.addresses.has('10.3.0.1/16') && reconciler.status().kind === 'applied');
    expect(reconciler.drift().map(({ what }) => what)).toEqual([
      `the peer ${keyOf(1)} was removed`,
      'the address 10.99.0.1/24 was added to wg-test',
      'the address 10.3.0.1/16 was removed from wg-test',
      'the nft table inet wiregui was changed',
    ]);
  });

  it('gives a peer that others removed the endpoint it had', async () => {
    await reconciler.request();
    Object.assign(machine.peers.get(keyOf(1)) ?? {}, { endpoint: '198.51.100.7:1234' });
    await reconciler.request();
    machine.peers.clear();
    machine.hasLink = false;
    await reconciler.request();
    expect(machine.peers.get(keyOf(1))?.endpoint).toBe('198.51.100.7:1234');
  });

  it('reads no more than a user’s part when a device of theirs changes, and gives who returns the endpoint they had', async () => {
    wanted = inputs([device(1), device(2)]);
    await reconciler.request();
    await isMarked();
    forget();
    Object.assign(machine.peers.get(keyOf(2)) ?? {}, { endpoint: '198.51.100.7:1234' });
    const key = `user:${device(2).userId}` as const;
    wanted = inputs([device(1), device(2, { disabledAt: NOW })]);
    await reconciler.request([key]);
    expect([...machine.peers.keys()]).toEqual([keyOf(1)]);
    expect(machine.changes.at(0)?.stdin).toBe(
      'delete element inet wiregui sources4 { 10.3.2.3/32 }\ndelete element inet wiregui sources6 { fd00::3:2:3/128 }\n',
    );
    wanted = inputs([device(1), device(2)]);
    await reconciler.request([key]);
    expect(machine.peers.get(keyOf(2))?.endpoint).toBe('198.51.100.7:1234');
    expect([loads, partLoads]).toEqual([1, [[key], [key]]]);
    expect(lines().join()).not.toContain(keyOf(1));
    Object.assign(machine.peers.get(keyOf(2)) ?? {}, { endpoint: '203.0.113.5:99' });
    wanted = inputs([device(1), device(2, { presharedKey: 'another' as DeviceInput['presharedKey'] })]);
    await reconciler.request([key]);
    expect(machine.peers.get(keyOf(2))).toMatchObject({ presharedKey: 'another', endpoint: '203.0.113.5:99' });
  });

  it('wakes when a device ends that a part has brought', async () => {
    await reconciler.request();
    wanted = inputs([device(1), device(2, { expiresAt: new Date(NOW.getTime() + 5_000) })]);
    await reconciler.request([`user:${device(2).userId}`]);
    expect(machine.peers.has(keyOf(2))).toBe(true);
    clock.advance(5_000);
    await until('the peer is gone', () => !machine.peers.has(keyOf(2)));
  });

  it('reads everything when networks behind devices change, or very many users', async () => {
    wanted = inputs([device(1), device(2)]);
    await reconciler.request();
    await reconciler.request(Array.from({ length: 100 }, (_, number) => `user:${device(number).userId}` as const));
    expect(loads).toBe(1);
    await reconciler.request(Array.from({ length: 101 }, (_, number) => `user:${device(number).userId}` as const));
    expect(loads).toBe(2);
    wanted = inputs([device(1), device(2, { allowedSubnets: ['192.168.7.0/24' as Cidr] })]);
    await reconciler.request([`user:${device(2).userId}`]);
    expect([loads, machine.peers.get(keyOf(2))?.allowedIps]).toEqual([3, '10.3.2.3/32,fd00::3:2:3/128,192.168.7.0/24']);
  });

  it('puts the table right together with a user’s part', async () => {
    await reconciler.start();
    await isMarked();
    machine.table?.push('another rule');
    monitors.find(({ program }) => program.startsWith('nft'))?.onLine('add rule inet wiregui global another rule');
    await reconciler.request([`user:${device(1).userId}`]);
    expect(machine.table).not.toContain('another rule');
  });

  it('looks at the kernel again and again, and reads the database anew after five minutes', async () => {
    await reconciler.start();
    for (let looks = 0; looks < 5; looks += 1) {
      clock.advance(10_000);
      await reconciler.settled();
    }
    expect(loads).toBe(1);
    machine.peers.clear();
    clock.advance(10_000);
    await reconciler.settled();
    expect([loads, machine.peers.size, reconciler.drift().length]).toEqual([1, 1, 1]);
    clock.advance(5 * 60_000);
    await reconciler.settled();
    expect(loads).toBe(2);
  });

  it('begins a monitor anew that has ended, and looks at what it may have missed', async () => {
    await reconciler.start();
    await isMarked();
    forget();
    machine.table?.push('add rule inet wiregui global accept');
    monitors.find(({ program }) => program === 'nft monitor')?.onEnd(1);
    clock.advance(1_000);
    expect(monitors.filter(({ program }) => program === 'nft monitor')).toHaveLength(2);
    clock.advance(100);
    await until('the table is replaced', () => lines().includes('nft -f -'));
  });

  it('does not take its own changes for others’', async () => {
    await reconciler.start();
    wanted = inputs([device(1), device(2)], [['global', [{ verdict: 'drop' }]]]);
    const pass = reconciler.request();
    monitors.find(({ program }) => program === 'nft monitor')?.onLine('add element inet wiregui sources4 { 10.3.2.3 : goto global }');
    await pass;
    await isMarked();
    clock.advance(10_000);
    await until('the poll is over', () => reconciler.status().kind === 'applied');
    expect(reconciler.drift()).toEqual([]);
  });
});
