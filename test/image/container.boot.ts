import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Run, run } from '../../core/system/run.ts';
import { VERSION } from '../../core/version.ts';
import { until } from '../support/wait.ts';
import { OWNER } from './box.ts';
import { buildContainer } from './build.ts';

/** As compose.yml has it. */
const CAPABILITIES = ['net_admin', 'net_bind_service', 'setuid', 'setgid', 'setpcap'].map((name) => `+${name}`).join();
/** What an engine does before it starts the program: a root that is read only, a volume, and what nobody else sees. */
const ENTER = `
mount --make-rprivate /
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
for each in tmp run; do mount -t tmpfs tmpfs "$1/$each"; done
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount --bind "$2" "$1/var/lib/wiregui"
root=$1; shift 2
exec env -i PATH=/usr/sbin:/usr/bin chroot "$root" setpriv --no-new-privs --bounding-set="-all,${CAPABILITIES}" "$@"
`;
const STEP_MS = 60_000;

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

it('the container serves as its own user on a root that is read only, and keeps what is in its volume', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wiregui-container-'));
  const name = `wgc${Math.random().toString(36).slice(2, 8)}`;
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => rmSync(folder, { recursive: true }));
  const [image, root, volume] = ['image', 'root', 'volume'].map((each) => join(folder, each)) as [string, string, string];
  for (const each of [image, root, volume]) mkdirSync(each);
  await run(['tar', '-xf', await buildContainer(), '-C', image]);
  const document = <T>(path: string) => JSON.parse(readFileSync(join(image, path), 'utf8')) as T;
  const blob = (digest: string) => join('blobs', ...digest.split(':'));
  const { manifests } = document<{ manifests: readonly { digest: string }[] }>('index.json');
  const { config, layers } = document<Manifest>(blob(manifests[0]?.digest ?? ''));
  for (const { digest } of layers) await run(['tar', '-xzf', join(image, blob(digest)), '-C', root], { deadlineMs: 120_000 });
  const { Entrypoint, Cmd } = document<{ config: { Entrypoint: string[]; Cmd: string[] } }>(blob(config.digest)).config;
  chownSync(volume, 800, 800);
  chmodSync(volume, 0o700);

  await run(['ip', 'netns', 'add', name]);
  cleanUp.defer(async () => void (await run(['ip', 'netns', 'delete', name])));
  const inside: Run = ([program, ...args], options) => run(['ip', 'netns', 'exec', name, program, ...args], options);
  await inside(['ip', 'link', 'set', 'lo', 'up']);
  const curl = async (path: string, ...args: readonly string[]) =>
    (await inside(['curl', '-sk', '-m', '20', ...args, `https://127.0.0.1${path}`], { acceptedExitCodes: [0, 7, 28, 35], deadlineMs: STEP_MS })).stdout;

  /** Until the stack that is answered is disposed of, as by the engine: a signal to the first process. */
  async function start() {
    const isolated = ['unshare', '--mount', '--pid', '--ipc', '--uts', '--fork', '--kill-child=TERM'];
    const child = spawn('ip', ['netns', 'exec', name, ...isolated, 'bash', '-euc', ENTER, 'bash', root, volume, ...Entrypoint, ...Cmd]);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    await until('the container serves', async () => output.includes('service started') || child.exitCode !== null, STEP_MS);
    return {
      output: () => output,
      async [Symbol.asyncDispose]() {
        const ended = once(child, 'exit');
        // unshare itself takes no signals while it waits for what it started (unshare(1), --fork).
        await run(['pkill', '-TERM', '-P', String(child.pid)]);
        await ended;
      },
    };
  }

  const form = (values: object) => new URLSearchParams(values as Record<string, string>).toString();
  const post = (path: string, values: object) => curl(path, '-o', '/dev/null', '-w', '%{http_code}', '-H', 'Sec-Fetch-Site: same-origin', '-d', form(values));
  {
    await using container = await start();
    expect(await curl('/api/health')).toContain(`"version":"${VERSION}"`);
    const [, code] = /give the code (\S+)/.exec(container.output()) ?? [];
    expect(await post('/setup', { code, ...OWNER, endpoint: 'vpn.example.com', ipv4Network: '10.3.2.0/24', ipv6Network: 'fd00::3:2:0/120' })).toBe('303');
    const owners = (await run(['stat', '-c', '%u %a', join(volume, 'wiregui.db'), join(volume, 'secret.key')])).stdout;
    expect(owners).toBe('800 600\n800 600\n');
  }
  await using again = await start();
  expect(again.output()).not.toContain('give the code');
  expect(await post('/login', OWNER)).toBe('303');
});
