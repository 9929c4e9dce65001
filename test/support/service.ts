import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../../image/node-flags.mjs';
import type { Network } from './network.ts';

export const ADMIN = { email: 'admin@example.com', password: 'correct horse battery' };
const ROOT = join(import.meta.dirname, '..', '..');

/** The service, started by its real entry point, inside the network's server namespace when there is one. */
export interface Service extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly dataDirectory: string;
  readonly output: () => string;
  /** Ends the process the hard way, as a power cut would, and starts it again on the same data. */
  restartHard(): Promise<void>;
  stop(): Promise<number | null>;
  start(): Promise<void>;
  /** Runs `wiregui <args>` on the same data. */
  cli(args: readonly string[], stdin?: string): Promise<{ readonly exitCode: number; readonly output: string }>;
}

interface ServiceOptions {
  readonly network?: Network;
  readonly env?: Readonly<Record<string, string>>;
  readonly port?: number;
  /** What to put before the command line instead of the network's namespace. */
  readonly prefix?: readonly string[];
}

export async function startService({
  network,
  env = {},
  port = 20_000 + Math.floor(Math.random() * 20_000),
  prefix = network?.server.prefix ?? [],
}: ServiceOptions = {}): Promise<Service> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'wiregui-data-'));
  const host = network ? '198.51.100.1' : 'localhost';
  const settings = {
    WG_DATA_DIR: dataDirectory,
    WG_PORT: String(port),
    WG_EXTERNAL_URL: `http://${host}:${port}`,
    WG_ADMIN_EMAIL: ADMIN.email,
    WG_ADMIN_PASSWORD: ADMIN.password,
    WG_WG_ENABLED: network ? 'true' : 'false',
    WG_WG_INTERFACE: network?.interfaceName ?? 'wg-test',
    WG_WG_ENDPOINT_HOST: '198.51.100.1',
    ...env,
  };
  const environment = { ...process.env, ...NODE_ENVIRONMENT, ...settings };
  let child: ChildProcess;
  let output = '';

  const spawnNode = (args: readonly string[]) => {
    const [program = '', ...rest] = [...prefix, process.execPath, ...NODE_FLAGS, '--enable-source-maps', join(ROOT, 'dist', 'cli.js'), ...args];
    return spawn(program, rest, { env: environment, cwd: ROOT });
  };

  async function start(): Promise<void> {
    child = spawnNode(['serve']);
    const isUp = Promise.withResolvers<void>();
    const listen = (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('service started')) isUp.resolve();
    };
    output = '';
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.on('exit', (code) => isUp.reject(new Error(`the service ended with ${code}: ${output}`)));
    await isUp.promise;
  }

  const exited = () =>
    new Promise<number | null>((resolve) => (child.exitCode !== null || child.signalCode !== null ? resolve(child.exitCode) : child.once('exit', resolve)));

  await start();
  return {
    url: `http://${host}:${port}`,
    port,
    dataDirectory,
    output: () => output,
    start,
    async stop() {
      child.kill('SIGTERM');
      return exited();
    },
    async restartHard() {
      child.kill('SIGKILL');
      await exited();
      await start();
    },
    async cli(args, stdin = '') {
      const command = spawnNode(args);
      let text = '';
      command.stdout.on('data', (chunk) => (text += chunk));
      command.stderr.on('data', (chunk) => (text += chunk));
      command.stdin.end(stdin);
      const exitCode = await new Promise<number>((resolve) => command.once('close', (code) => resolve(code ?? -1)));
      return { exitCode, output: text };
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited();
      rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
}
