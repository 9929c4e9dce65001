// `npm run bench`: cold start, memory with 1,000 devices, and pages against a bare Koa answering the same bytes, in one run.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Koa from 'koa';
import { makeKeyPair } from '../../core/devices/keys.ts';
import { run } from '../../core/system/run.ts';
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../../image/node-flags.mjs';
import { benchApi } from './api.ts';
import { benchFirewall } from './firewall.ts';
import { benchLive } from './live.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PORT = 23_456;
const STARTS = 7;
const DEVICES = 1_000;
const dataDirectory = mkdtempSync(join(tmpdir(), 'wiregui-bench-'));
const env = {
  ...process.env,
  ...NODE_ENVIRONMENT,
  WG_DATA_DIR: dataDirectory,
  WG_PORT: String(PORT),
  WG_WG_ENABLED: 'false',
  WG_ADMIN_EMAIL: 'admin@example.com',
  WG_ADMIN_PASSWORD: 'correct horse battery',
  WG_LOG_LEVEL: 'warn',
};

function serve(): { readonly child: ChildProcess; readonly listening: Promise<number> } {
  const begun = performance.now();
  const child = spawn(process.execPath, [...NODE_FLAGS, join(ROOT, 'dist/cli.js'), 'serve'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const listening = new Promise<number>((resolve) =>
    child.stdout.on('data', (chunk) => String(chunk).includes('WireGUI is at') && resolve(performance.now() - begun)),
  );
  return { child, listening };
}

async function end(child: ChildProcess): Promise<void> {
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exited;
}

function memoryMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function requestsPerSecond(url: string, cookie: string): Promise<number> {
  const { stdout } = await run(['wrk', '-t1', '-c16', '-d4s', '-H', `Cookie: ${cookie}`, url], { deadlineMs: 20_000 });
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

/** `npm run bench -- api`: one part alone. */
const PARTS: Readonly<Record<string, () => Promise<void>>> = { pages: measure, api: benchApi, firewall: benchFirewall, live: benchLive };
const asked = process.argv.slice(2);

try {
  for (const part of asked.length > 0 ? asked : Object.keys(PARTS)) await PARTS[part]?.();
} finally {
  rmSync(dataDirectory, { recursive: true, force: true });
}

async function measure(): Promise<void> {
  const first = serve();
  await first.listening;
  await end(first.child);
  const starts: number[] = [];
  for (let index = 0; index < STARTS; index += 1) {
    const { child, listening } = serve();
    starts.push(await listening);
    await end(child);
  }
  console.log(`cold start to listening   ${median(starts).toFixed(0)} ms (median of ${STARTS}; target ≤ 300)`);

  const { child, listening } = serve();
  await listening;
  const url = `http://localhost:${PORT}`;
  const post = (path: string, body: Record<string, string>, cookie = '') =>
    fetch(url + path, { method: 'POST', redirect: 'manual', headers: { 'sec-fetch-site': 'same-origin', cookie }, body: new URLSearchParams(body) });
  const login = await post('/login', { email: env.WG_ADMIN_EMAIL, password: env.WG_ADMIN_PASSWORD });
  const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  // The default network has room for 253 devices.
  await post('/admin/settings/network', { listenPort: '51820', mtu: '1420', ipv4Network: '10.16.0.0/16', ipv6Network: 'fd00::3:0:0/112' }, cookie);
  await post('/admin/settings/security', { localSignIn: 'on', allowSelfService: 'on', maxDevicesPerUser: String(DEVICES) }, cookie);
  for (let index = 0; index < DEVICES; index += 1)
    await post('/devices', { name: `device ${index}`, publicKey: makeKeyPair().publicKey, browserKey: '1' }, cookie);
  const page = await (await fetch(`${url}/devices`, { headers: { cookie } })).text();
  console.log(`memory, ${DEVICES} devices     ${memoryMb(child.pid ?? 0).toFixed(0)} MB resident after they were made one by one`);

  const bare = createServer(new Koa().use((ctx) => (ctx.body = page)).callback()).listen(PORT + 1);
  const ours = await requestsPerSecond(`${url}/devices`, cookie);
  const theirs = await requestsPerSecond(`http://localhost:${PORT + 1}/`, cookie);
  bare.close();
  bare.closeAllConnections();
  console.log(
    `page of 50 devices        ${ours.toFixed(0)} requests/s; bare Koa with the same bytes ${theirs.toFixed(0)}; ratio ${(ours / theirs).toFixed(2)}`,
  );
  console.log(`memory after that load    ${memoryMb(child.pid ?? 0).toFixed(0)} MB resident`);
  await end(child);

  const again = serve();
  await again.listening;
  await fetch(`${url}/devices`, { headers: { cookie } });
  console.log(`memory, ${DEVICES} devices     ${memoryMb(again.child.pid ?? 0).toFixed(0)} MB resident after a restart and a page (target ≤ 100)`);
  await end(again.child);
}
