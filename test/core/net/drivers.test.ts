import { describe, expect, it } from 'vitest';
import { allPeers, desired } from '../../../core/net/desired.ts';
import { foreignChanges } from '../../../core/net/foreign-changes.ts';
import type { Cidr, PresharedKey, PublicKey } from '../../../core/net/inputs.ts';
import { createIp } from '../../../core/net/ip.ts';
import { digestOf, isMarked, markBatch } from '../../../core/net/mark.ts';
import { plan } from '../../../core/net/plan.ts';
import { createWg, parseDump } from '../../../core/net/wg.ts';
import type { Argv, Run, RunOptions } from '../../../core/system/run.ts';
import { device, inputs, keyOf, NOW } from './inputs.ts';

// Captured from wireguard-tools 1.0.20210914 with wireguard-go; keys replaced.
const KEYS = [1, 2, 3].map(keyOf) as [PublicKey, PublicKey, PublicKey];
const DUMP = `cHJpdmF0ZQ==\tcHVibGlj\t51820\toff
${KEYS[0]}\tcHNr\t198.51.100.2:40414\t10.3.2.2/32,fd00::3:2:2/128,192.168.7.0/24\t1780315200\t1234\t5678\toff
${KEYS[1]}\t(none)\t[2001:db8::7]:51820\t(none)\t0\t0\t0\t25
${KEYS[2]}\t(none)\t(none)\t10.3.2.4/32\t0\t0\t0\toff
`;

/** A Run that answers from a table, and remembers what it was asked. */
function recorder(answers: Readonly<Record<string, string>> = {}): { readonly run: Run; readonly asked: (RunOptions & { argv: Argv })[] } {
  const asked: (RunOptions & { argv: Argv })[] = [];
  const run: Run = async (argv, options = {}) => {
    asked.push({ argv, ...options });
    return { stdout: answers[argv.join(' ')] ?? '', stderr: '', exitCode: 0 };
  };
  return { run, asked };
}

describe('wg', () => {
  it('is understood', async () => {
    const { privateKey, listenPort, fwmark, peers } = await parseDump(DUMP);
    expect({ privateKey, listenPort, fwmark }).toEqual({ privateKey: 'cHJpdmF0ZQ==', listenPort: 51820, fwmark: 'off' });
    expect([...peers.values()]).toEqual([
      {
        publicKey: KEYS[0],
        presharedKey: 'cHNr',
        endpoint: '198.51.100.2:40414',
        allowedIps: ['10.3.2.2/32', 'fd00::3:2:2/128', '192.168.7.0/24'],
        latestHandshake: new Date('2026-06-01T12:00:00Z'),
        rxBytes: 1234,
        txBytes: 5678,
        keepalive: null,
      },
      { publicKey: KEYS[1], presharedKey: null, endpoint: '[2001:db8::7]:51820', allowedIps: [], latestHandshake: null, rxBytes: 0, txBytes: 0, keepalive: 25 },
      { publicKey: KEYS[2], presharedKey: null, endpoint: null, allowedIps: ['10.3.2.4/32'], latestHandshake: null, rxBytes: 0, txBytes: 0, keepalive: null },
    ]);
  });

  it('is understood when there is no peer, nor a key', async () => {
    expect(await parseDump('(none)\t(none)\t58862\t0x10\n')).toEqual({ privateKey: null, listenPort: 58862, fwmark: '0x10', peers: new Map() });
  });

  it('tells where those are who are asked about and have been heard of', async () => {
    const { run } = recorder({ 'wg show wg-test endpoints': `${keyOf(1)}\t198.51.100.7:1\n${keyOf(2)}\t(none)\n${keyOf(3)}\t[2001:db8::1]:2\n` });
    expect(await createWg(run).endpoints('wg-test', [keyOf(2), keyOf(3)])).toEqual(new Map([[keyOf(3), '[2001:db8::1]:2']]));
  });

  it('tells of those alone who were ever heard of, and how many there are', async () => {
    const lines = ['(none)\t(none)\t51820\toff', 'a\tpsk\t(none)\t10.3.2.2/32\t0\t0\t0\toff', 'b\tpsk\t198.51.100.7:1\t10.3.2.3/32\t0\t148\t0\toff'];
    const { run } = recorder({ 'wg show wg-test dump': `${lines.join('\n')}\n` });
    const { peerCount, met } = await createWg(run).traffic('wg-test');
    expect([peerCount, met.map(({ publicKey, rxBytes }) => [publicKey, rxBytes])]).toEqual([2, [['b', 148]]]);
  });

  it('is given secrets on standard input and never as arguments', async () => {
    const { run, asked } = recorder();
    const state = desired(inputs([device(1)]), NOW);
    await createWg(run).configure('wg-test', state.interface);
    await createWg(run).setPeers('wg-test', allPeers(state), new Map([[keyOf(1), '198.51.100.2:7']]));
    const words = asked.flatMap(({ argv }) => argv);
    for (const secret of [state.interface.privateKey, device(1).presharedKey]) {
      expect(words.some((word) => word.includes(secret))).toBe(false);
      expect(asked.some(({ stdin }) => stdin?.includes(secret))).toBe(true);
    }
  });

  it('is given no empty list of addresses, which it refuses', async () => {
    const { run, asked } = recorder();
    await createWg(run).setPeers('wg-test', [{ publicKey: keyOf(1), presharedKey: 'cHNr' as PresharedKey, allowedIps: [] }], new Map());
    expect(asked[0]?.stdin).toBe(`[Peer]\nPublicKey = ${keyOf(1)}\nPresharedKey = cHNr\nPersistentKeepalive = off\n`);
  });

  it('removes any number of peers within the longest list of arguments', async () => {
    const { run, asked } = recorder();
    await createWg(run).removePeers(
      'wg-test',
      Array.from({ length: 40_000 }, (_, index) => keyOf(index)),
    );
    expect(asked.flatMap(({ argv }) => argv).filter((word) => word === 'remove')).toHaveLength(40_000);
    for (const { argv } of asked) expect(argv.join(' ').length).toBeLessThan(1_500_000);
  });
});

describe('ip', () => {
  // Captured from iproute2 6.1.
  const addresses = `[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK"],"mtu":65536,"addr_info":[]},{"ifindex":3,"ifname":"wg-test","flags":["POINTOPOINT","MULTICAST","NOARP","UP","LOWER_UP"],"mtu":1420,"qdisc":"fq_codel","operstate":"UNKNOWN","link_type":"none","addr_info":[{"family":"inet","local":"10.3.0.1","prefixlen":16,"scope":"global","label":"wg-test"},{"family":"inet6","local":"fd00::3:2:1","prefixlen":112,"scope":"global","nodad":true},{"family":"inet6","local":"fe80::1","prefixlen":64,"scope":"link","protocol":"kernel_ll"}]}]`;
  const answers = {
    'ip -j address show': addresses,
    'ip -j -4 route show dev wg-test proto 87': '[{"dst":"192.168.7.0/24","scope":"link","flags":[]},{"dst":"192.168.8.9","scope":"link","flags":[]}]',
    'ip -j -6 route show dev wg-test proto 87': '[{"dst":"fd01::/64","metric":1024,"flags":[],"pref":"medium"}]',
  };

  it('is understood', async () => {
    expect(await createIp(recorder(answers).run).observe('wg-test')).toEqual({
      mtu: 1420,
      isUp: true,
      addresses: ['10.3.0.1/16', 'fd00::3:2:1/112'],
      routes: ['192.168.7.0/24', '192.168.8.9/32', 'fd01::/64'],
    });
  });

  it('has no interface of another name', async () => {
    expect(await createIp(recorder(answers).run).observe('wg-tes')).toBeNull();
    expect(await createIp(recorder().run).observe('wg-test')).toBeNull();
  });

  it('says in words that the box has a route already', async () => {
    const run: Run = async () => ({ stdout: '', stderr: 'RTNETLINK answers: File exists\n', exitCode: 2 });
    await expect(createIp(run).addRoute('wg-test', '192.0.2.0/24' as Cidr)).rejects.toThrow('cannot add route 192.0.2.0/24: the box has another one to it');
  });
});

describe('the mark of a table', async () => {
  // As nft 1.0.6 lists it.
  const bare = 'table inet wiregui {\n\tchain global {\n\t\taccept\n\t}\n}\n';
  const { ruleset } = desired(inputs([device(1)]), NOW);
  const [, mark = ''] = /add chain inet wiregui (\S+)/.exec(await markBatch(bare, ruleset)) ?? [];
  const marked = bare.replace(/\}\n$/, `\n\tchain ${mark} {\n\t}\n}\n`);

  it('is that of its ruleset and of no other, and does not count itself', async () => {
    expect(await isMarked(bare, ruleset)).toBe(false);
    expect(await isMarked(marked, ruleset)).toBe(true);
    expect(digestOf(marked)).toBe(digestOf(bare));
    expect(await markBatch(marked, ruleset)).toBe('');
    expect(await isMarked(marked, desired(inputs([device(1), device(2)]), NOW).ruleset)).toBe(false);
  });

  it('is the same in whatever order devices were read', async () => {
    const list = [device(1), device(2, { userId: device(1).userId }), device(3)];
    const marks = await Promise.all([list, list.toReversed()].map((devices) => markBatch(bare, desired(inputs(devices), NOW).ruleset)));
    expect(marks[0]).toBe(marks[1]);
  });

  it('is broken by any change of the table, and then replaced', async () => {
    const changed = marked.replace('accept', 'drop');
    expect(await isMarked(changed, ruleset)).toBe(false);
    expect(await markBatch(changed, ruleset)).toMatch(new RegExp(`^delete chain inet wiregui ${mark}\\nadd chain inet wiregui applied_[0-9a-f]{32}\\n$`));
  });
});

describe('what others have changed', () => {
  const state = desired(inputs([device(1), device(2)]), NOW);
  const peers = new Map(
    allPeers(state).map((peer) => [peer.publicKey, { ...peer, endpoint: null, latestHandshake: null, rxBytes: 0, txBytes: 0, keepalive: null }]),
  );
  const wg = { privateKey: state.interface.privateKey, listenPort: 51820, fwmark: 'off', peers };
  const link = { mtu: 1420, isUp: true, addresses: state.interface.addresses, routes: [] };
  const [first] = peers.values();

  it('is put back, a mark of packets too', () => {
    const ruleset = { ruleset: state.ruleset, listing: null };
    expect(plan(state, { link, wg, missingForwarding: [], ...ruleset })).toEqual([]);
    expect(plan(state, { link, wg: { ...wg, fwmark: '0x10' }, missingForwarding: [], ...ruleset })).toEqual([{ kind: 'configure-interface' }]);
  });

  it.each<[string, Parameters<typeof foreignChanges>[1], readonly string[]]>([
    ['nothing', { link, wg, missingForwarding: [] }, []],
    ['the interface', { link: null, wg: null, missingForwarding: [] }, ['the interface wg-test was deleted']],
    ['forwarding', { link, wg, missingForwarding: ['net.ipv4.ip_forward'] }, ['net.ipv4.ip_forward was switched off']],
    ['the link', { link: { ...link, isUp: false, mtu: 1500 }, wg, missingForwarding: [] }, ['wg-test was taken down', 'the MTU of wg-test was set to 1500']],
    ['a route', { link: { ...link, routes: ['10.9.0.0/16' as Cidr] }, wg, missingForwarding: [] }, ['the route 10.9.0.0/16 was added']],
    [
      'a peer',
      { link, wg: { ...wg, peers: new Map([[keyOf(3), first as NonNullable<typeof first>], ...peers]) }, missingForwarding: [] },
      [`the peer ${keyOf(3)} was added`],
    ],
    ['the port', { link, wg: { ...wg, listenPort: 1 }, missingForwarding: [] }, ['key, port or mark of wg-test were changed']],
    [
      'a peer’s addresses',
      { link, wg: { ...wg, peers: new Map(peers).set(keyOf(1), { ...(first as NonNullable<typeof first>), allowedIps: [] }) }, missingForwarding: [] },
      [`the peer ${keyOf(1)} was changed`],
    ],
  ])('is said in words: %s', (_, observed, words) => {
    expect(foreignChanges(state, observed)).toEqual(words);
  });
});
