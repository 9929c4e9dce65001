import { randomBytes } from 'node:crypto';
import { type Argv, type Run, run } from '../../core/system/run.ts';

/**
 * A server between peers and a host, as three network namespaces. What is a tunnel to the rules is the interface of that name;
 * here it is a wire, so that packets are cheap and none is lost on the way. Taken down at the end of `await using`.
 */
export interface Wire extends AsyncDisposable {
  /** The server's end of the wire. */
  readonly interfaceName: string;
  readonly inPeers: Run;
  readonly inServer: Run;
  /** Where every address of 10.0.0.0/8 and 2001:db8::/64 is at home. */
  readonly inHost: Run;
}

/** The tunnel's networks of a wire, and the addresses that the server has in them. */
export const WIRE_NETWORKS = { ipv4: '10.3.0.0/16', ipv6: 'fd00::3:0:0/96', gateway4: '10.3.0.1', gateway6: 'fd00::3:0:1' };

/** An address behind the server that it sends back into the wire: some peer’s, as it were. */
export const ANOTHER_PEER = '10.3.255.200';

/** The peers have these addresses, of both families. */
export async function createWire(addresses: readonly string[]): Promise<Wire> {
  const id = randomBytes(2).toString('hex');
  const interfaceName = `wgs${id}`;
  const [peers, server, host] = ['p', 's', 'h'].map((role) => `wgs${id}-${role}`) as [string, string, string];
  const inside =
    (namespace: string): Run =>
    (argv, options) =>
      run(['ip', 'netns', 'exec', namespace, ...argv] as unknown as Argv, options);
  const configure = (namespace: string, lines: readonly string[]) => run(['ip', '-n', namespace, '-batch', '-'], { stdin: `${lines.join('\n')}\n` });
  const linkAddress = async (namespace: string, link: string) => (await inside(namespace)(['cat', `/sys/class/net/${link}/address`])).stdout.trim();

  for (const namespace of [peers, server, host]) await run(['ip', 'netns', 'add', namespace]);
  await run(['ip', 'link', 'add', interfaceName, 'netns', server, 'type', 'veth', 'peer', 'name', 'tun', 'netns', peers]);
  await run(['ip', 'link', 'add', 'lan', 'netns', server, 'type', 'veth', 'peer', 'name', 'lan', 'netns', host]);
  const [ofPeers, ofServer] = [await linkAddress(peers, 'tun'), await linkAddress(server, interfaceName)];
  const [ofHost, ofLan] = [await linkAddress(host, 'lan'), await linkAddress(server, 'lan')];
  await inside(server)([
    'sysctl',
    '-qw',
    'net.ipv4.ip_forward=1',
    'net.ipv6.conf.all.forwarding=1',
    'net.ipv4.conf.all.send_redirects=0',
    `net.ipv4.conf.${interfaceName}.send_redirects=0`,
  ]);
  await configure(server, [
    `link set ${interfaceName} up`,
    'link set lan up',
    `address add ${WIRE_NETWORKS.gateway4}/16 dev ${interfaceName}`,
    `address add ${WIRE_NETWORKS.gateway6}/96 dev ${interfaceName} nodad`,
    'address add 192.0.2.1/24 dev lan',
    'address add 2001:db8:2::1/64 dev lan nodad',
    'route add 10.0.0.0/16 via 192.0.2.2',
    'route add 2001:db8::/64 via 2001:db8:2::2',
    // A tunnel has no neighbours to discover, and the rules let nobody look for them.
    ...[ANOTHER_PEER, ...addresses].map((address) => `neigh replace ${address} lladdr ${ofPeers} dev ${interfaceName} nud permanent`),
    `neigh replace 2001:db8:2::2 lladdr ${ofHost} dev lan nud permanent`,
  ]);
  await configure(peers, [
    'link set lo up',
    'link set tun up',
    ...addresses.map((address) => `address add ${address}${address.includes(':') ? '/96' : '/16'} dev tun ${address.includes(':') ? 'nodad' : ''}`),
    `route add default via ${WIRE_NETWORKS.gateway4}`,
    `route add default via ${WIRE_NETWORKS.gateway6}`,
    `route add ${ANOTHER_PEER}/32 via ${WIRE_NETWORKS.gateway4}`,
    `neigh replace ${WIRE_NETWORKS.gateway6} lladdr ${ofServer} dev tun nud permanent`,
  ]);
  await configure(host, [
    'link set lo up',
    'link set lan up',
    'address add 192.0.2.2/24 dev lan',
    'address add 2001:db8:2::2/64 dev lan nodad',
    'route add default via 192.0.2.1',
    'route add default via 2001:db8:2::1',
    'route add local 10.0.0.0/16 dev lo',
    'route add local 2001:db8::/64 dev lo',
    `neigh replace 2001:db8:2::1 lladdr ${ofLan} dev lan nud permanent`,
  ]);

  return {
    interfaceName,
    inPeers: inside(peers),
    inServer: inside(server),
    inHost: inside(host),
    async [Symbol.asyncDispose]() {
      for (const namespace of [peers, server, host]) await run(['ip', 'netns', 'del', namespace], { acceptedExitCodes: [0, 1] });
    },
  };
}
