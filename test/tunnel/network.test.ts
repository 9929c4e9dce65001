import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKeyPair, makePresharedKey } from '../../core/devices/keys.ts';
import type { Cidr, DeviceInput, FragmentKey, NetworkInputs, NftRule, PresharedKey, PrivateKey, UserId } from '../../core/net/inputs.ts';
import { createKernel } from '../../core/net/kernel.ts';
import { createReconciler, type Reconciler } from '../../core/net/reconcile.ts';
import { systemClock } from '../../core/system/clock.ts';
import type { Run } from '../../core/system/run.ts';
import { createNetwork, HOST, type Network, SERVER_ADDRESS } from '../support/network.ts';
import { until } from '../support/wait.ts';

const LOOKING = /^(wg show|nft list|nft monitor|ip -j|ip monitor|sysctl -e)/;
const server = makeKeyPair();
const client = makeKeyPair();
const log = pino({ enabled: false });
const A = { ipv4: '10.3.2.2', ipv6: 'fd00::3:2:2' };
const USER = '00000000-0000-4000-8000-000000000001';

describe('the kernel follows', () => {
  let network: Network;
  let reconciler: Reconciler;
  let wanted: NetworkInputs;
  /** Command lines that are no mere look. */
  const changes: string[] = [];
  const cleanUp = new AsyncDisposableStack();

  const deviceA: DeviceInput = {
    id: 'a' as DeviceInput['id'],
    userId: USER as UserId,
    publicKey: client.publicKey,
    presharedKey: makePresharedKey(),
    ...A,
    allowedSubnets: ['172.20.0.0/16' as Cidr],
    disabledAt: null,
    expiresAt: null,
    user: { disabledAt: null, lastSignedInAt: null, vpnSessionEndedAt: null },
  };

  beforeAll(async () => {
    network = cleanUp.use(await createNetwork());
    wanted = {
      interface: {
        name: network.interfaceName,
        privateKey: server.privateKey as PrivateKey,
        listenPort: 51820,
        mtu: 1420,
        ipv4Network: '10.3.2.0/24' as Cidr,
        ipv6Network: 'fd00::3:2:0/120' as Cidr,
      },
      masquerade: { ipv4: true, ipv6: true },
      allowPeerToPeer: false,
      allowLanToPeers: false,
      vpnSessionDurationSeconds: 0,
      devices: [deviceA],
      fragments: new Map(),
    };
    reconciler = startReconciler();
    cleanUp.defer(() => reconciler.stop());
    await reconciler.start();
    await connectClient();
    await until('the tunnel is open', () => reaches(HOST.ipv4), 20_000);
  });
  afterAll(() => cleanUp.disposeAsync());

  function startReconciler(): Reconciler {
    const run: Run = (argv, options) => {
      if (!LOOKING.test(argv.join(' '))) changes.push(argv.join(' '));
      return network.server.run(argv, options);
    };
    return createReconciler({
      load: async () => wanted,
      loadPart: async () => wanted,
      kernel: createKernel(run, log),
      watch: network.server.watch,
      clock: systemClock,
      log,
      onChange: () => {},
    });
  }

  async function connectClient(): Promise<void> {
    const link = `wg${network.id}a`;
    const config = `[Interface]\nPrivateKey = ${client.privateKey}\n[Peer]\nPublicKey = ${server.publicKey}\nPresharedKey = ${deviceA.presharedKey}\nAllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = ${SERVER_ADDRESS}:51820\n`;
    const { run } = network.clientA;
    await run(['setsid', 'wireguard-go', link]);
    await run(['wg', 'setconf', link, '/dev/stdin'], { stdin: config });
    await run(['ip', 'link', 'set', 'dev', link, 'mtu', '1280', 'up']);
    for (const address of [`${A.ipv4}/32`, `${A.ipv6}/128`])
      await run(['ip', 'address', 'add', address, 'dev', link, 'nodad'].slice(0, address.includes(':') ? 7 : 6) as never);
    for (const route of ['10.3.2.0/24', '192.0.2.0/24', 'fd00::3:2:0/120', '2001:db8:2::/64']) await run(['ip', 'route', 'add', route, 'dev', link]);
  }

  const reaches = async (address: string) =>
    (await network.clientA.run(['ping', '-c', '1', '-W', '1', address], { acceptedExitCodes: [0, 1, 2] })).exitCode === 0;
  const dump = async () => (await network.server.run(['wg', 'show', network.interfaceName, 'dump'])).stdout;
  const table = async () => (await network.server.run(['nft', 'list', 'table', 'inet', 'wiregui'], { acceptedExitCodes: [0, 1] })).stdout;
  const isMarked = () => until('the table is marked', async () => (await table()).includes('chain applied_'));

  async function want(next: Partial<NetworkInputs>): Promise<void> {
    wanted = { ...wanted, ...next };
    expect(await reconciler.request()).toMatchObject({ kind: 'applied' });
  }
  const enforce = (...entries: readonly (readonly [FragmentKey, readonly NftRule[]])[]) => want({ fragments: new Map(entries) });

  it('and is touched by nobody when the service starts again', async () => {
    await isMarked();
    const before = [await table(), await dump(), (await network.server.run(['ip', '-j', 'address'])).stdout];
    changes.splice(0);
    const again = startReconciler();
    await again.start();
    again.stop();
    expect(changes).toEqual([]);
    expect(again.drift()).toEqual([]);
    const normal = (text: string | undefined) => text?.replace(/\t\d+\t\d+\t\d+\toff/g, '').replace(/_life_time":\d+/g, '');
    expect([await table(), await dump(), (await network.server.run(['ip', '-j', 'address'])).stdout].map(normal)).toEqual(before.map(normal));
  });

  it('without losing a packet while a hundred other peers come and go, one by one and together', async () => {
    const pinging = network.clientA.run(['ping', '-i', '0.01', '-c', '300', '-W', '1', HOST.ipv4], { deadlineMs: 20_000, acceptedExitCodes: [0, 1] });
    const others = Array.from({ length: 100 }, (_, index) => other(index));
    for (const count of [1, 2, 3, 4, 5, 100, 99, 98, 50, 0]) {
      // Its own networks change too, in place.
      await want({ devices: [{ ...deviceA, allowedSubnets: [`172.21.${count}.0/24` as Cidr] }, ...others.slice(0, count)] });
    }
    await want({ devices: [deviceA] });
    expect((await dump()).trim().split('\n')).toHaveLength(2);
    expect((await pinging).stdout).toContain(' 300 received');
    expect(reconciler.drift()).toEqual([]);
  });

  it('in whose address packets leave: the box’s with masquerading, the peer’s without', async () => {
    const seenFrom = async (address: string, type: 'udp4' | 'udp6') => {
      const echo = `const s = require('dgram').createSocket('${type}'); s.on('message', (m, from) => { console.log(from.address); process.exit(); }).bind(5300); setTimeout(() => process.exit(), 4_000)`;
      const answer = network.host.run([process.execPath, '-e', echo], { deadlineMs: 8_000 });
      const speak = `const s = require('dgram').createSocket('${type}'); setInterval(() => s.send('x', 5300, '${address}'), 20); setTimeout(() => process.exit(), 700)`;
      await network.clientA.run([process.execPath, '-e', speak]);
      return (await answer).stdout.trim();
    };
    expect([await seenFrom(HOST.ipv4, 'udp4'), await seenFrom(HOST.ipv6, 'udp6')]).toEqual(['192.0.2.1', '2001:db8:2::1']);
    await want({ masquerade: { ipv4: false, ipv6: true } });
    expect([await seenFrom(HOST.ipv4, 'udp4'), await seenFrom(HOST.ipv6, 'udp6')]).toEqual([A.ipv4, '2001:db8:2::1']);
    await want({ masquerade: { ipv4: true, ipv6: true } });
  });

  it('and ends a stream that only comes in, although its answers were allowed', async () => {
    const stream = `const s = require('dgram').createSocket('udp4'); s.on('message', (m, to) => setInterval(() => s.send('x'.repeat(100), to.port, to.address), 5)).bind(5400); setTimeout(() => process.exit(), 6_000)`;
    const streaming = network.host.run([process.execPath, '-e', stream], { deadlineMs: 10_000 });
    await until('it listens', async () => (await network.host.run(['ss', '-lun'])).stdout.includes(':5400'));
    const listen = `const s = require('dgram').createSocket('udp4'); s.send('hello', 5400, '${HOST.ipv4}'); s.on('message', () => console.log(Date.now())); setTimeout(() => process.exit(), 3_500)`;
    const listening = network.clientA.run([process.execPath, '-e', listen], { deadlineMs: 10_000 });
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    await enforce([`user:${USER}`, [{ protocol: 'udp', ports: { from: 5400, to: 5400 }, verdict: 'drop' }]]);
    const ruledAt = Date.now();
    const arrivals = (await listening).stdout.trim().split('\n').map(Number);
    expect(arrivals.length).toBeGreaterThan(50);
    expect(Math.max(...arrivals) - ruledAt).toBeLessThan(1_000);
    await streaming;
    await enforce();
  });

  it('to the moment: a peer goes when it expires', async () => {
    const expiresAt = new Date(Date.now() + 1_500);
    await want({ devices: [deviceA, { ...other(1), expiresAt }] });
    const isThere = async () => (await dump()).includes(other(1).publicKey);
    expect(await isThere()).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, expiresAt.getTime() - Date.now() - 150));
    expect(await isThere()).toBe(true);
    await until('it is gone', async () => !(await isThere()), 1_000);
    expect(Date.now() - expiresAt.getTime()).toBeLessThan(1_000);
    await want({ devices: [deviceA] });
  });

  it('although others change it: each change is put back and said', async () => {
    const name = network.interfaceName;
    const { run } = network.server;
    const settled = async () => {
      expect(await reconciler.request()).toMatchObject({ kind: 'applied' });
      await isMarked();
    };
    const known = () => reconciler.drift().map(({ what }) => what);
    const repairs: readonly (readonly [what: string, change: () => Promise<unknown>, withinMs: number])[] = [
      ['the nft table inet wiregui was changed', () => run(['nft', 'flush', 'table', 'inet', 'wiregui']), 2_000],
      ['the nft table inet wiregui was changed', () => run(['nft', 'insert', 'rule', 'inet', 'wiregui', 'global', 'tcp', 'dport', '1', 'accept']), 2_000],
      ['the nft table inet wiregui was changed', () => run(['nft', 'flush', 'ruleset']), 2_000],
      [`the address 10.3.2.1/24 was removed from ${name}`, () => run(['ip', 'address', 'del', '10.3.2.1/24', 'dev', name]), 2_000],
      ['the route 172.20.0.0/16 was removed', () => run(['ip', 'route', 'del', '172.20.0.0/16', 'dev', name]), 2_000],
      [`${name} was taken down`, () => run(['ip', 'link', 'set', name, 'down']), 2_000],
      ['net.ipv4.ip_forward was switched off', () => run(['sysctl', '-qw', 'net.ipv4.ip_forward=0']), 12_000],
      [`the peer ${client.publicKey} was changed`, () => run(['wg', 'set', name, 'peer', client.publicKey, 'allowed-ips', '10.3.2.99/32']), 12_000],
      [`the interface ${name} was deleted`, () => run(['ip', 'link', 'del', name]), 2_000],
    ];
    for (const [what, change, withinMs] of repairs) {
      await settled();
      const [before, tableBefore] = [known().length, await table()];
      await change();
      // wg and sysctl tell nobody: the poll finds those, and need not be waited for here.
      if (withinMs > 10_000) await reconciler.request();
      await until(
        what,
        () =>
          known()
            .slice(0, known().length - before)
            .includes(what),
        withinMs,
      );
      await until(`mended: ${what}`, async () => (await table()) === tableBefore && (await reaches(HOST.ipv4)), 5_000);
    }
  }, 60_000);

  it('except over a route of the box’s own: that stays, and the reason is said', async () => {
    wanted = { ...wanted, devices: [{ ...deviceA, allowedSubnets: ['192.0.2.0/24' as Cidr] }] };
    expect(await reconciler.request()).toMatchObject({ kind: 'failed', why: 'cannot add route 192.0.2.0/24: the box has another one to it' });
    expect(await reaches(HOST.ipv4)).toBe(true);
    await want({ devices: [deviceA] });
  });
});

function other(number: number): DeviceInput {
  const made = keys[number] ?? makeKeyPair();
  keys[number] = made;
  return {
    id: `other-${number}` as DeviceInput['id'],
    userId: `00000000-0000-4000-8000-1${String(number).padStart(11, '0')}` as UserId,
    publicKey: made.publicKey,
    presharedKey: Buffer.alloc(32, number + 1).toString('base64') as PresharedKey,
    ipv4: `10.3.2.${number + 10}`,
    ipv6: `fd00::3:2:${(number + 10).toString(16)}`,
    allowedSubnets: [],
    disabledAt: null,
    expiresAt: null,
    user: { disabledAt: null, lastSignedInAt: null, vpnSessionEndedAt: null },
  };
}

const keys: Record<number, ReturnType<typeof makeKeyPair>> = {};
