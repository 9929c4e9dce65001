import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Argv, type Run, run, type Watch, watch } from '../../core/system/run.ts';

/**
 * Four network namespaces as the real world has them: a server with the service, two clients out on the internet, and a
 * host behind the server. Everything is taken down at the end of `await using`.
 */
export interface Network extends AsyncDisposable {
  readonly server: Namespace;
  readonly clientA: Namespace;
  readonly clientB: Namespace;
  readonly host: Namespace;
  /** Names of interfaces must differ across namespaces: wireguard-go's sockets share one folder. */
  readonly interfaceName: string;
  readonly id: string;
}

export interface Namespace {
  readonly name: string;
  /** Runs a program inside; throws when it fails. */
  readonly run: Run;
  readonly watch: Watch;
  /** What to put before a command line so that it runs inside. */
  readonly prefix: readonly string[];
}

export const SERVER_ADDRESS = '198.51.100.1';
export const HOST = { ipv4: '192.0.2.2', ipv6: '2001:db8:2::2' };

export async function createNetwork(): Promise<Network> {
  const id = randomBytes(2).toString('hex');
  const names = ['srv', 'a', 'b', 'host'].map((role) => `wgt${id}-${role}`);
  const [server, clientA, clientB, host] = names.map(namespace) as [Namespace, Namespace, Namespace, Namespace];
  for (const name of names) {
    await run(['ip', 'netns', 'add', name]);
    await run(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
  }
  await link(server, 'eth-a', [`${SERVER_ADDRESS}/24`, '2001:db8:a::1/64'], clientA, ['198.51.100.2/24', '2001:db8:a::2/64']);
  await link(server, 'eth-b', ['203.0.113.1/24', '2001:db8:b::1/64'], clientB, ['203.0.113.2/24', '2001:db8:b::2/64']);
  await link(server, 'lan', ['192.0.2.1/24', '2001:db8:2::1/64'], host, [`${HOST.ipv4}/24`, `${HOST.ipv6}/64`]);
  await clientB.run(['ip', 'route', 'add', '198.51.100.0/24', 'via', '203.0.113.1']);
  // Replies to peers go through the server; with masquerading the host would not need it.
  await host.run(['ip', 'route', 'add', 'default', 'via', '192.0.2.1']);
  await host.run(['ip', '-6', 'route', 'add', 'default', 'via', '2001:db8:2::1']);
  await server.run(['sysctl', '-qw', 'net.ipv4.conf.all.send_redirects=0', 'net.ipv4.conf.default.send_redirects=0']);

  return {
    server,
    clientA,
    clientB,
    host,
    id,
    interfaceName: `wgs${id}`,
    async [Symbol.asyncDispose]() {
      for (const name of names) await tearDown(name);
      removeSockets(id);
    },
  };
}

function namespace(name: string): Namespace {
  const prefix = ['ip', 'netns', 'exec', name];
  return {
    name,
    prefix,
    run: (argv, options) => run([...prefix, ...argv] as unknown as Argv, options),
    watch: (argv, onLine, onEnd) => watch([...prefix, ...argv] as unknown as Argv, onLine, onEnd),
  };
}

async function link(a: Namespace, interfaceA: string, addressesA: readonly string[], b: Namespace, addressesB: readonly string[]): Promise<void> {
  await run(['ip', 'link', 'add', interfaceA, 'netns', a.name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', b.name]);
  for (const [{ name }, device, addresses] of [
    [a, interfaceA, addressesA],
    [b, 'eth0', addressesB],
  ] as const) {
    for (const address of addresses) await run(['ip', '-n', name, 'address', 'add', address, 'dev', device, ...(address.includes(':') ? ['nodad'] : [])]);
    await run(['ip', '-n', name, 'link', 'set', device, 'up']);
  }
}

/** A wireguard-go that was killed leaves its control socket behind. */
function removeSockets(id: string): void {
  const folder = '/run/wireguard';
  if (!existsSync(folder)) return;
  for (const file of readdirSync(folder)) if (file.includes(id)) rmSync(join(folder, file), { force: true });
}

/** Ends what still runs inside, then the namespace; only processes of this namespace are touched. */
async function tearDown(name: string): Promise<void> {
  const { stdout } = await run(['ip', 'netns', 'pids', name], { acceptedExitCodes: [0, 1] });
  for (const pid of stdout.split('\n').filter((line) => line !== '')) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
  await run(['ip', 'netns', 'delete', name]);
}
