// The API's list of devices against a bare Koa that reads the same bytes from the same file. Part of `npm run bench`.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { run } from '../../core/system/run.ts';
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../../image/node-flags.mjs';

const ROOT = join(import.meta.dirname, '..', '..');
const PORT = 23_460;
const DEVICES = 10_000;
const CONNECTIONS = 32;
const TURNS = 3;
const ADMIN = { email: 'admin@example.com', password: 'correct horse battery' };

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** One core each: the program on the first, the load on the second. */
async function start(argv: readonly string[], env: NodeJS.ProcessEnv, announcement: string): Promise<AsyncDisposable> {
  const child: ChildProcess = spawn('taskset', ['-c', '0', process.execPath, ...argv], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve) => child.stdout?.on('data', (chunk) => String(chunk).includes(announcement) && resolve()));
  return {
    async [Symbol.asyncDispose]() {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await exited;
    },
  };
}

async function load(url: string, token: string): Promise<{ readonly perSecond: number; readonly p99Ms: number }> {
  const argv: [string, ...string[]] = [
    'taskset',
    '-c',
    '1',
    'wrk',
    '-t1',
    `-c${CONNECTIONS}`,
    '-d4s',
    '--latency',
    '-H',
    `Authorization: Bearer ${token}`,
    url,
  ];
  const { stdout } = await run(argv, { deadlineMs: 20_000 });
  const [, p99 = '', unit = ''] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout) ?? [];
  return { perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]), p99Ms: Number(p99) * ({ us: 0.001, ms: 1, s: 1_000 }[unit] ?? Number.NaN) };
}

export async function benchApi(): Promise<void> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'wiregui-bench-'));
  const env = {
    ...NODE_ENVIRONMENT,
    WG_DATA_DIR: dataDirectory,
    WG_PORT: String(PORT),
    WG_EXTERNAL_URL: `http://localhost:${PORT}`,
    WG_WG_ENABLED: 'false',
    WG_ADMIN_EMAIL: ADMIN.email,
    WG_ADMIN_PASSWORD: ADMIN.password,
    WG_LOG_LEVEL: 'warn',
  };
  const serve = () => start([...NODE_FLAGS, join(ROOT, 'dist/cli.js'), 'serve'], env, 'WireGUI is at');
  const url = `http://localhost:${PORT}`;
  try {
    const token = await prepare(serve, url);
    seed(join(dataDirectory, 'wiregui.db'));
    const list = `${url}/api/v0/devices?limit=50&sort=name`;
    await using _service = await serve();
    const bytes = await (await fetch(list, { headers: { authorization: `Bearer ${token}` } })).text();
    await using _bare = await start([join(ROOT, 'test/bench/bare-list.mjs'), join(dataDirectory, 'wiregui.db'), String(PORT + 1), bytes], {}, 'listening');
    const ours: Awaited<ReturnType<typeof load>>[] = [];
    const theirs: typeof ours = [];
    for (let turn = 0; turn < TURNS; turn += 1) {
      ours.push(await load(list, token));
      theirs.push(await load(`http://localhost:${PORT + 1}/`, token));
    }
    const perSecond = median(ours.map((measured) => measured.perSecond));
    const bare = median(theirs.map((measured) => measured.perSecond));
    console.log(
      `50 of ${DEVICES} devices      ${perSecond.toFixed(0)} requests/s on one core, p99 ${median(ours.map(({ p99Ms }) => p99Ms)).toFixed(1)} ms at ${CONNECTIONS} connections; bare Koa + better-sqlite3 ${bare.toFixed(0)}; ratio ${(perSecond / bare).toFixed(2)} (target ≥ 3000 and ≤ 25 ms, or ≥ 0.5)`,
    );
  } finally {
    rmSync(dataDirectory, { recursive: true, force: true });
  }
}

/** A box with one device, and a token for it that nothing slows down. */
async function prepare(serve: () => Promise<AsyncDisposable>, url: string): Promise<string> {
  await using _service = await serve();
  const post = (path: string, body: Record<string, string>, cookie = '') =>
    fetch(url + path, { method: 'POST', redirect: 'manual', headers: { 'sec-fetch-site': 'same-origin', cookie }, body: new URLSearchParams(body) });
  const cookie = (await post('/login', ADMIN)).headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const made = await (await post('/account/tokens', { name: 'bench', days: '30' }, cookie)).text();
  const token = /wg_[A-Za-z0-9_-]{43}/.exec(made)?.[0] ?? '';
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  await fetch(`${url}/api/v0/configuration/api`, { method: 'PATCH', headers, body: '{"requests_per_minute":1000000000}' });
  await fetch(`${url}/api/v0/devices`, { method: 'POST', headers, body: '{"name":"device"}' });
  return token;
}

/** Copies the one device, in the file of a stopped service. */
function seed(file: string): void {
  const db = new Database(file);
  const [columns] = [db.pragma('table_info(devices)', { simple: false }) as readonly { readonly name: string }[]];
  const names = columns.map(({ name }) => name);
  const [row] = db.prepare('SELECT * FROM devices').raw().all() as unknown[][];
  const insert = db.prepare(`INSERT INTO devices (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`);
  db.transaction(() => {
    for (let index = 1; index < DEVICES; index += 1) {
      const changed: Readonly<Record<string, unknown>> = {
        id: randomUUID(),
        name: `device ${index}`,
        public_key: randomBytes(32).toString('base64'),
        ipv4: `10.4.${index >> 8}.${index & 255}`,
        ipv6: `fd00::4:${index.toString(16)}`,
      };
      insert.run(names.map((name, at) => changed[name] ?? row?.[at]));
    }
  })();
  db.close();
}
