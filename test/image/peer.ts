import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Run, run } from '../../core/system/run.ts';
import { until } from '../support/wait.ts';

/** A client beside the machine: wireguard-go outside, its interface in a namespace where the tunnel is the only network. */
export interface Peer extends AsyncDisposable {
  /** Whether it answers to pings. */
  reaches(address: string): Promise<boolean>;
  /** What is answered by http; nothing when nobody answers. */
  get(url: string): Promise<string>;
}

/** Makes one from a configuration as the box hands it out; the endpoint is where the machine's port is forwarded to. */
export async function startPeer(configuration: string, endpoint: string): Promise<Peer> {
  const field = (name: string) => new RegExp(`^${name} = (.*)$`, 'm').exec(configuration)?.[1] ?? '';
  if (field('PrivateKey') === '') throw new Error(`not a configuration: ${configuration}`);
  const name = `wgi${Math.random().toString(36).slice(2, 8)}`;
  const space = `${name}-ns`;
  const daemon = spawn('wireguard-go', ['-f', name], { stdio: 'ignore' });
  await until(`${name} is there`, () => isThere(name));
  const secrets = [
    `[Interface]\nPrivateKey = ${field('PrivateKey')}\n`,
    `[Peer]\nPublicKey = ${field('PublicKey')}`,
    `PresharedKey = ${field('PresharedKey')}`,
  ];
  await run(['wg', 'setconf', name, '/dev/stdin'], {
    stdin: [...secrets, `Endpoint = ${endpoint}`, 'AllowedIPs = 0.0.0.0/0', 'PersistentKeepalive = 5', ''].join('\n'),
  });
  await run(['ip', 'netns', 'add', space]);
  await run(['ip', 'link', 'set', name, 'netns', space]);
  const [address = ''] = field('Address').split(',');
  await run(['ip', '-n', space, 'address', 'add', address.trim(), 'dev', name]);
  await run(['ip', '-n', space, 'link', 'set', name, 'up']);
  await run(['ip', '-n', space, 'route', 'add', 'default', 'dev', name]);

  const inside: Run = ([program, ...args], options) => run(['ip', 'netns', 'exec', space, program, ...args], options);
  return {
    async reaches(address) {
      const pings = await inside(['ping', '-c', '3', '-W', '5', address], { acceptedExitCodes: [0, 1], deadlineMs: 30_000 });
      return pings.exitCode === 0;
    },
    async get(url) {
      return (await inside(['curl', '-s', '-m', '10', url], { acceptedExitCodes: [0, 7, 28], deadlineMs: 20_000 })).stdout;
    },
    async [Symbol.asyncDispose]() {
      const ended = once(daemon, 'exit');
      daemon.kill('SIGKILL');
      await ended;
      await run(['ip', 'netns', 'delete', space]);
      await run(['rm', '-f', `/run/wireguard/${name}.sock`]);
    },
  };
}

function isThere(name: string): Promise<boolean> {
  return run(['ip', 'link', 'show', name]).then(
    () => true,
    () => false,
  );
}
