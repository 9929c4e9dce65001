import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cidr, FragmentKey, Fragments, NftRule } from '../../core/net/inputs.ts';
import type { Plugin } from '../../core/plugin/contract.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { createNetwork, HOST, type Namespace, type Network, SERVER_ADDRESS } from '../support/network.ts';
import { until } from '../support/wait.ts';

const HOST_NETWORK = '192.0.2.0/24' as Cidr;

describe('what peers may reach', () => {
  let network: Network;
  let box: TestApp;
  let rules: Fragments = new Map();
  const peers: { a: Peer; b: Peer } = { a: { ipv4: '', ipv6: '', userKey: 'global' }, b: { ipv4: '', ipv6: '', userKey: 'global' } };
  const cleanUp = new AsyncDisposableStack();
  // Rules as a test wants them, by the door that the firewall plugin uses.
  const rulesPlugin: Plugin = { manifest: { id: 'rules', title: 'Rules', summary: '' }, setup: () => ({ network: async () => rules }) };

  beforeAll(async () => {
    network = cleanUp.use(await createNetwork());
    box = cleanUp.use(await createTestApp({ network, plugins: [rulesPlugin] }));
    peers.a = await enrol(network.clientA, 'a');
    peers.b = await enrol(network.clientB, 'b');
  });
  afterAll(() => cleanUp.disposeAsync());

  async function enrol(client: Namespace, name: string): Promise<Peer> {
    const user = await box.app.users.create(SYSTEM, { email: `${name}@example.com` });
    const { device, privateKey = '' } = await box.app.devices.create(SYSTEM, { name, userId: user.id });
    const server = await box.app.networkStore.serverKeys();
    const link = `wg${network.id}${name}`;
    const config = `[Interface]\nPrivateKey = ${privateKey}\n[Peer]\nPublicKey = ${server.publicKey}\nPresharedKey = ${box.app.devices.presharedKeyOf(device)}\nAllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = ${SERVER_ADDRESS}:51820\nPersistentKeepalive = 1\n`;
    await client.run(['setsid', 'wireguard-go', link]);
    await client.run(['wg', 'setconf', link, '/dev/stdin'], { stdin: config });
    await client.run(['ip', 'link', 'set', 'dev', link, 'mtu', '1280', 'up']);
    await client.run(['ip', 'address', 'add', `${device.ipv4}/32`, 'dev', link]);
    await client.run(['ip', '-6', 'address', 'add', `${device.ipv6}/128`, 'dev', link, 'nodad']);
    for (const route of ['10.3.2.0/24', HOST_NETWORK, 'fd00::3:2:0/120', '2001:db8:2::/64']) await client.run(['ip', 'route', 'add', route, 'dev', link]);
    return { ipv4: device.ipv4 ?? '', ipv6: device.ipv6 ?? '', userKey: `user:${user.id}` };
  }

  async function enforce(...entries: readonly (readonly [FragmentKey, readonly NftRule[]])[]): Promise<void> {
    rules = new Map(entries);
    expect(await box.app.reconciler.request()).toMatchObject({ kind: 'applied' });
  }

  const pings = async (from: Namespace, to: string) => (await from.run(['ping', '-c', '1', '-W', '1', to], { acceptedExitCodes: [0, 1, 2] })).exitCode === 0;
  const waitUntilConnected = () =>
    until('both tunnels are open', async () => (await pings(network.clientA, '10.3.2.1')) && (await pings(network.clientB, '10.3.2.1')), 20_000);

  it('is everything behind the box by default, over both families, and not each other', async () => {
    await enforce();
    await waitUntilConnected();
    expect(await pings(network.clientA, HOST.ipv4)).toBe(true);
    expect(await pings(network.clientA, HOST.ipv6)).toBe(true);
    expect(await pings(network.clientA, peers.b.ipv4)).toBe(false);
    expect(await pings(network.clientA, peers.b.ipv6)).toBe(false);
  });

  it('includes each other only with the switch', async () => {
    await box.app.settings.update(SYSTEM, box.app.sections.network, { allowPeerToPeer: true });
    await box.app.reconciler.request();
    expect(await pings(network.clientA, peers.b.ipv4)).toBe(true);
    expect(await pings(network.clientA, peers.b.ipv6)).toBe(true);
    await box.app.settings.update(SYSTEM, box.app.sections.network, { allowPeerToPeer: false });
    await box.app.reconciler.request();
    expect(await pings(network.clientA, peers.b.ipv4)).toBe(false);
  });

  it('is decided by the first rule that matches: the user’s own, then the global ones', async () => {
    await enforce([peers.a.userKey, [{ destination: HOST_NETWORK, verdict: 'accept' }]], ['global', [{ verdict: 'drop' }]]);
    expect(await pings(network.clientA, HOST.ipv4)).toBe(true);
    expect(await pings(network.clientA, HOST.ipv6)).toBe(false);
    expect(await pings(network.clientB, HOST.ipv4)).toBe(false);
    await enforce([peers.a.userKey, [{ protocol: 'icmp', verdict: 'drop' }]], ['global', [{ verdict: 'accept' }]]);
    expect(await pings(network.clientA, HOST.ipv4)).toBe(false);
    expect(await pings(network.clientA, HOST.ipv6)).toBe(false);
    expect(await pings(network.clientB, HOST.ipv4)).toBe(true);
  });

  it('ends at once for a TCP connection that is open when the rule comes', async () => {
    await enforce();
    const node = (where: Namespace, script: string) => where.run([process.execPath, '-e', script], { deadlineMs: 20_000 });
    const server = node(
      network.host,
      `require('net').createServer((s) => s.on('error', () => {}).resume()).listen(5201); setTimeout(() => process.exit(), 5_000)`,
    );
    await until('the server listens', async () => (await network.host.run(['ss', '-ltn'])).stdout.includes(':5201'));
    const client = node(
      network.clientA,
      `const s = require('net').connect(5201, '${HOST.ipv4}').on('error', () => {}); setInterval(() => s.write('x'.repeat(1_000)), 10); setTimeout(() => process.exit(), 4_000)`,
    );
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const before = await bytesForwarded();
    await new Promise((resolve) => setTimeout(resolve, 200));
    await enforce([peers.a.userKey, [{ destination: HOST_NETWORK, protocol: 'tcp', verdict: 'drop' }]]);
    const atRule = await bytesForwarded();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const after = await bytesForwarded();
    expect(atRule - before).toBeGreaterThan(5_000);
    expect(after - atRule).toBeLessThan(2_000);
    await enforce();
    await Promise.all([client, server]);
  }, 40_000);

  it('ends at once for a stream of datagrams that the other side sends back', async () => {
    await enforce();
    const node = (where: Namespace, script: string) => where.run([process.execPath, '-e', script], { deadlineMs: 20_000 });
    const host = node(
      network.host,
      `const s = require('dgram').createSocket('udp4'); s.bind(7001); s.on('error', () => {});
       s.once('message', (_, { port, address }) => setInterval(() => s.send('x'.repeat(500), port, address), 10)); setTimeout(() => process.exit(), 5_000)`,
    );
    await until('the host listens', async () => (await network.host.run(['ss', '-lun'])).stdout.includes(':7001'));
    const client = node(
      network.clientA,
      `const s = require('dgram').createSocket('udp4'); s.send('begin', 7001, '${HOST.ipv4}'); setTimeout(() => process.exit(), 4_000)`,
    );
    const before = await bytesToPeers();
    await until('the stream comes', async () => (await bytesToPeers()) - before > 5_000);
    await enforce([peers.a.userKey, [{ destination: HOST_NETWORK, protocol: 'udp', verdict: 'drop' }]]);
    const atRule = await bytesToPeers();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect((await bytesToPeers()) - atRule).toBeLessThan(2_000);
    await enforce();
    await Promise.all([host, client]);
  }, 40_000);

  it('is told apart by port', async () => {
    const answers = (from: Namespace, port: number) =>
      from.run(
        [
          process.execPath,
          '-e',
          `const s = require('net').connect(${port}, '${HOST.ipv4}'); s.on('error', (e) => process.exit(e.code === 'ECONNREFUSED' ? 0 : 1)); setTimeout(() => process.exit(1), 700)`,
        ],
        { acceptedExitCodes: [0, 1] },
      );
    await enforce([
      peers.a.userKey,
      [
        { destination: HOST_NETWORK, protocol: 'tcp', ports: { from: 80, to: 81 }, verdict: 'accept' },
        { destination: HOST_NETWORK, verdict: 'drop' },
      ],
    ]);
    const codes = await Promise.all([79, 80, 81, 82].map(async (port) => (await answers(network.clientA, port)).exitCode));
    expect(codes).toEqual([1, 0, 0, 1]);
    expect((await answers(network.clientB, 82)).exitCode).toBe(0);
    await enforce();
  });

  it('holds for the networks behind a device as for the device', async () => {
    const { ipv4 } = peers.b;
    const device = (await box.app.networkStore.load(new Map())).devices.find((candidate) => candidate.ipv4 === ipv4);
    await box.app.devices.update(SYSTEM, device?.id ?? '', { allowedSubnets: ['172.20.0.0/24'] });
    await network.clientB.run(['ip', 'address', 'add', '172.20.0.1/24', 'dev', 'lo']);
    const relayed = async () =>
      (await network.clientB.run(['ping', '-c', '1', '-W', '1', '-I', '172.20.0.1', HOST.ipv4], { acceptedExitCodes: [0, 1, 2] })).exitCode === 0;
    await enforce();
    expect(await relayed()).toBe(true);
    await enforce([peers.b.userKey, [{ destination: HOST_NETWORK, verdict: 'drop' }]]);
    expect(await relayed()).toBe(false);
    expect(await pings(network.clientB, HOST.ipv4)).toBe(false);
    expect(await pings(network.clientA, HOST.ipv4)).toBe(true);
    await enforce();
  });

  it('does not include being reached: the LAN begins nothing unless the switch is on, and then answers come back', async () => {
    await enforce();
    expect(await pings(network.host, peers.a.ipv4)).toBe(false);
    await box.app.settings.update(SYSTEM, box.app.sections.network, { allowLanToPeers: true });
    await enforce(['global', [{ verdict: 'drop' }]]);
    expect(await pings(network.host, peers.a.ipv4)).toBe(true);
    expect(await pings(network.clientA, HOST.ipv4)).toBe(false);
    await box.app.settings.update(SYSTEM, box.app.sections.network, { allowLanToPeers: false });
    await enforce();
    expect(await pings(network.host, peers.a.ipv4)).toBe(false);
  });

  it('is never open for a moment while rules are replaced', async () => {
    const drop = [{ destination: HOST_NETWORK, verdict: 'drop' }] as const;
    await enforce([peers.a.userKey, drop]);
    const forbidden = network.clientA.run(['ping', '-i', '0.002', '-c', '400', '-W', '1', HOST.ipv4], { deadlineMs: 20_000, acceptedExitCodes: [0, 1] });
    const allowed = network.clientB.run(['ping', '-i', '0.01', '-c', '300', '-W', '1', HOST.ipv4], { deadlineMs: 20_000, acceptedExitCodes: [0, 1] });
    for (let change = 0; change < 40; change += 1)
      await enforce([
        peers.a.userKey,
        [...drop, { protocol: 'tcp', ports: { from: 1_000 + change, to: 2_000 }, verdict: change % 2 === 0 ? 'accept' : 'drop' }],
      ]);
    expect((await forbidden).stdout).toContain(' 0 received');
    expect((await allowed).stdout).toContain(' 300 received');
  }, 40_000);

  it('leaves the tables of others alone', async () => {
    await network.server.run(['nft', '-f', '-'], { stdin: 'table inet theirs { chain c { type filter hook input priority 0; tcp dport 9 drop; }\n}\n' });
    const before = (await network.server.run(['nft', 'list', 'table', 'inet', 'theirs'])).stdout;
    await enforce(['global', [{ verdict: 'drop' }]]);
    await enforce();
    expect((await network.server.run(['nft', 'list', 'table', 'inet', 'theirs'])).stdout).toBe(before);
  });

  /** What the server has sent towards the host. */
  const bytesForwarded = () => bytesSent('lan');
  const bytesToPeers = () => bytesSent(network.interfaceName);

  async function bytesSent(link: string): Promise<number> {
    const { stdout } = await network.server.run(['ip', '-j', '-s', 'link', 'show', link]);
    return (JSON.parse(stdout) as [{ stats64: { tx: { bytes: number } } }])[0].stats64.tx.bytes;
  }
});

interface Peer {
  readonly ipv4: string;
  readonly ipv6: string;
  readonly userKey: FragmentKey;
}

const SYSTEM = { userId: null, name: 'test', role: 'system', via: 'job', ip: null } as const;
