import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createNetwork, HOST, type Namespace, type Network } from '../support/network.ts';
import { type Service, startService } from '../support/service.ts';
import { until } from '../support/wait.ts';

const PROGRAMS = join(import.meta.dirname, '..', 'support', 'programs');
const PASSPHRASE = 'twelve or more characters';

const reaches = async (from: Namespace, address: string) =>
  (await from.run(['ping', '-c', '1', '-W', '1', address], { acceptedExitCodes: [0, 1, 2] })).exitCode === 0;
const connect = (client: Namespace, path: string) =>
  client.run(['env', `PATH=${PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin`, 'wg-quick', 'up', path], { deadlineMs: 20_000 });

/** Keys, preshared keys and allowed IPs, as the kernel has them. */
async function peersOf({ server }: Network, interfaceName: string): Promise<readonly string[]> {
  const { stdout } = await server.run(['wg', 'show', interfaceName, 'dump']);
  const [own = '', ...peers] = stdout.trim().split('\n');
  return [own.split('\t')[1] ?? '', ...peers.map((peer) => [0, 1, 3].map((index) => peer.split('\t')[index]).join(' ')).sort()];
}

it('a backup of one box makes another one that serves the same devices, with the configurations they have', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wiregui-restore-'));
  const archive = join(folder, 'backup.age');
  const paths: string[] = [];
  let peers: readonly string[];
  let key: string;
  // The key pair belongs to the interface's name.
  let name: string;
  {
    await using network = await createNetwork();
    name = network.interfaceName;
    await using service = await startService({ network });
    const [admin] = await json(service, 'user', 'list');
    for (const device of ['One', 'Two']) {
      const { configuration } = await json(service, 'device', 'create', `userId=${admin.id}`, `name=${device}`);
      paths.push(join(folder, `${network.id}${device}.conf`));
      writeFileSync(paths.at(-1) ?? '', configuration, { mode: 0o600 });
    }
    await connect(network.clientA, paths[0] ?? '');
    expect(await reaches(network.clientA, HOST.ipv4)).toBe(true);
    await until('both are peers', async () => (await peersOf(network, name)).length === 3);
    peers = await peersOf(network, name);
    key = readFileSync(join(service.dataDirectory, 'secret.key'), 'utf8');
    expect(await service.cli(['backup', archive, '--passphrase-stdin'], `${PASSPHRASE}\n`)).toMatchObject({ exitCode: 0 });
    expect(statSync(archive).mode & 0o777).toBe(0o600);
  }
  await using network = await createNetwork();
  await using service = await startService({ network, env: { WG_WG_INTERFACE: name } });
  expect(await peersOf(network, name)).not.toEqual(peers);
  expect(readFileSync(join(service.dataDirectory, 'secret.key'), 'utf8')).not.toBe(key);
  await service.stop();
  expect(await service.cli(['restore', archive, '--passphrase-stdin'], 'another one altogether')).toMatchObject({ exitCode: 1 });
  expect((await service.cli(['restore', archive])).output).toContain('this archive is encrypted');
  expect(await service.cli(['restore', archive, '--passphrase-stdin'], PASSPHRASE)).toMatchObject({ exitCode: 0 });
  await service.start();
  expect(await peersOf(network, name)).toEqual(peers);
  await connect(network.clientA, paths[0] ?? '');
  await connect(network.clientB, paths[1] ?? '');
  for (const client of [network.clientA, network.clientB]) expect([await reaches(client, HOST.ipv4), await reaches(client, HOST.ipv6)]).toEqual([true, true]);
  rmSync(folder, { recursive: true });
}, 120_000);

// biome-ignore lint/suspicious/noExplicitAny: a test says itself what it expects of the answer.
async function json(service: Service, ...args: readonly string[]): Promise<any> {
  const { exitCode, output } = await service.cli([...args, '--json']);
  if (exitCode !== 0) throw new Error(output);
  return JSON.parse(output);
}
