// 10,000 devices, 1,000 of them busy, two years of traffic: what looking at the interface costs, and how long pages take meanwhile. Part of `npm run bench`.
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { SPANS, startOf } from '../../plugins/traffic/buckets.ts';
import { createNetwork, type Network } from '../support/network.ts';
import { ADMIN, type Service, startService } from '../support/service.ts';

const DEVICES = 10_000;
const USERS = 2_000;
const BUSY = 1_000;
const CONNECTIONS = 8;
const WATCHED_MS = 30_000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const PROGRAMS = join(import.meta.dirname, 'programs');

interface Reading {
  readonly cpuSeconds: number;
  readonly longestPauseMs: number;
  readonly residentMb: number;
}

export async function benchLive(): Promise<void> {
  await using network = await createNetwork();
  // As on the appliance, whose boot restores what was kept.
  const kept = mkdtempSync(join(tmpdir(), 'wiregui-kept-'));
  using _ = { [Symbol.dispose]: () => rmSync(kept, { recursive: true, force: true }) };
  const env = {
    WG_NETWORK_STATE_DIR: kept,
    WG_WG_IPV4_NETWORK: '10.4.0.0/16',
    WG_WG_IPV6_NETWORK: 'fd00::4:0/112',
    PATH: `${PROGRAMS}:${process.env['PATH']}`,
  };
  await using service = await startService({ network, env });
  const cookie = await prepare(network, service);
  await service.stop();
  seed(join(service.dataDirectory, 'wiregui.db'));
  const megabytes = statSync(join(service.dataDirectory, 'wiregui.db')).size / 2 ** 20;
  console.log(`${DEVICES} devices, ${BUSY} live   database ${megabytes.toFixed(0)} MB with two years of their traffic`);
  await service.start();
  await pause(5_000);

  await read(network, service);
  await pause(MINUTE_MS + 5_000);
  const alone = await read(network, service);
  console.log(
    `  nobody looks            ${(alone.cpuSeconds * 1_000).toFixed(0)} ms CPU a minute, longest pause ${alone.longestPauseMs.toFixed(0)} ms (target ≤ 50), ${alone.residentMb.toFixed(0)} MB resident (target ≤ 150)`,
  );

  const { medianMs, slowestMs } = await change(network, service, cookie);
  const changing = await read(network, service);
  console.log(
    `  a device paused, resumed ${medianMs.toFixed(0)} ms until the interface has followed, ${slowestMs.toFixed(0)} ms at most, longest pause ${changing.longestPauseMs.toFixed(0)} ms (target ≤ 50)`,
  );

  const looking = inside(
    network,
    `const answer = await fetch('${service.url}/live?rates', { headers: { cookie: '${cookie}' } });
    setTimeout(() => process.exit(), ${WATCHED_MS + 3 * 15_000});
    for await (const chunk of answer.body) chunk;`,
  );
  await pause(3_000);
  await read(network, service);
  await pause(WATCHED_MS);
  const watched = await read(network, service);
  const polls = WATCHED_MS / 2_000;
  console.log(
    `  somebody looks          ${((watched.cpuSeconds * 1_000) / polls).toFixed(0)} ms CPU a poll of 2 s, longest pause ${watched.longestPauseMs.toFixed(0)} ms (target ≤ 50)`,
  );
  for (const path of ['/admin', '/admin/devices', '/admin/devices?sort=-latestHandshake&page=100']) {
    const { perSecond, p99 } = await load(network, service.url + path, cookie);
    console.log(`  ${path.padEnd(24)}${perSecond} requests/s, p99 ${p99} at ${CONNECTIONS} connections, while somebody looks`);
  }
  const after = await read(network, service);
  console.log(`  after that load         longest pause ${after.longestPauseMs.toFixed(0)} ms, ${after.residentMb.toFixed(0)} MB resident (target ≤ 150)`);
  await looking.catch(() => undefined);
  await pause(MINUTE_MS);
  const later = await read(network, service);
  console.log(`  a minute later          longest pause ${later.longestPauseMs.toFixed(0)} ms, ${later.residentMb.toFixed(0)} MB resident (target ≤ 150)`);
}

async function inside(network: Network, script: string): Promise<string> {
  const { stdout } = await network.server.run([process.execPath, '--input-type=module', '-e', script], { deadlineMs: 180_000 });
  return stdout;
}

/** A box with one device, metrics open to itself, and somebody signed in. */
async function prepare(network: Network, { url }: Service): Promise<string> {
  return inside(
    network,
    `const post = (path, form, cookie = '') => fetch('${url}' + path, { method: 'POST', redirect: 'manual', headers: { 'sec-fetch-site': 'same-origin', cookie }, body: new URLSearchParams(form) });
     const cookie = (await post('/login', ${JSON.stringify(ADMIN)})).headers.getSetCookie()[0].split(';')[0];
     await post('/admin/settings/metrics', { allowedNetworks: '198.51.100.0/24' }, cookie);
     await post('/devices', { name: 'device' }, cookie);
     process.stdout.write(cookie);`,
  );
}

/** What was used since the reading before, by the service's own account. */
let cpuBefore = 0;
async function read(network: Network, { url }: Service): Promise<Reading> {
  const text = await inside(network, `process.stdout.write(await (await fetch('${url}/metrics')).text())`);
  const value = (name: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')[1],
    );
  const cpu = value('process_cpu_seconds_total');
  const cpuSeconds = cpu - cpuBefore;
  cpuBefore = cpu;
  return {
    cpuSeconds,
    longestPauseMs: value('wiregui_event_loop_lag_seconds{stat="max"}') * 1_000,
    residentMb: value('process_resident_memory_bytes') / 2 ** 20,
  };
}

const CHANGED = 5;

/** Pauses and resumes some devices; the page answers when the interface has followed. */
async function change(network: Network, { url, dataDirectory }: Service, cookie: string) {
  const db = new Database(join(dataDirectory, 'wiregui.db'), { readonly: true });
  const ids = db.prepare(`SELECT id FROM devices LIMIT ${CHANGED}`).pluck().all();
  db.close();
  const answer = await inside(
    network,
    `const took = [];
     for (const id of ${JSON.stringify(ids)}) for (const act of ['pause', 'resume']) {
       const begun = performance.now();
       const answer = await fetch(\`${url}/devices/\${id}/\${act}\`, { method: 'POST', redirect: 'manual', headers: { 'sec-fetch-site': 'same-origin', cookie: '${cookie}' } });
       if (answer.status !== 303) throw new Error('answered ' + answer.status);
       took.push(performance.now() - begun);
       await new Promise((resolve) => setTimeout(resolve, 1_000));
     }
     process.stdout.write(JSON.stringify(took));`,
  );
  const took = (JSON.parse(answer) as number[]).sort((a, b) => a - b);
  return { medianMs: took[took.length >> 1] ?? Number.NaN, slowestMs: took.at(-1) ?? Number.NaN };
}

async function load(network: Network, url: string, cookie: string) {
  const { stdout } = await network.server.run(['wrk', '-t1', `-c${CONNECTIONS}`, '-d10s', '--latency', '-H', `Cookie: ${cookie}`, url], { deadlineMs: 30_000 });
  return { perSecond: Math.round(Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1])), p99: /99%\s+(\S+)/.exec(stdout)?.[1] };
}

/** Adds copies of a table's first row, with these columns changed. */
function copier(db: Database.Database, table: 'users' | 'devices') {
  const names = (db.pragma(`table_info(${table})`) as readonly { readonly name: string }[]).map(({ name }) => name);
  const row = db.prepare(`SELECT * FROM ${table}`).raw().get() as unknown[];
  const insert = db.prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`);
  return (changed: Readonly<Record<string, unknown>>) => insert.run(names.map((name, at) => changed[name] ?? row[at]));
}

/** Copies the one device in the file of a stopped service for many users, and gives the first ones a past. */
function seed(file: string): void {
  const db = new Database(file);
  const copyUser = copier(db, 'users');
  const copyDevice = copier(db, 'devices');
  db.exec("UPDATE devices SET ipv4 = '10.4.0.2', ipv6 = 'fd00::4:2'");
  const traffic = db.prepare('INSERT OR REPLACE INTO traffic_devices (span, starts_at, rx_bytes, tx_bytes, device_id) VALUES (?, ?, 1000000, 9000000, ?)');
  const box = db.prepare('INSERT OR REPLACE INTO traffic_box (span, starts_at, rx_bytes, tx_bytes) VALUES (?, ?, 1000000000, 9000000000)');
  const ids: string[] = [];
  db.transaction(() => {
    const owners = Array.from({ length: USERS }, (_, index) => {
      const id = randomUUID();
      copyUser({ id, email: `user${index}@example.com`, role: 'unprivileged' });
      return id;
    });
    for (let index = 1; index < DEVICES; index += 1) {
      const id = randomUUID();
      if (index <= BUSY) ids.push(id);
      copyDevice({
        id,
        user_id: owners[index % USERS],
        name: `device ${index}`,
        public_key: randomBytes(32).toString('base64'),
        ipv4: `10.4.${128 + (index >> 8)}.${index & 255}`,
        ipv6: `fd00::4:${(0x8000 + index).toString(16)}`,
      });
    }
    ids.sort();
    const now = new Date();
    for (const { seconds, keptDays } of SPANS) {
      for (let ageMs = keptDays * DAY_MS; ageMs >= 0; ageMs -= seconds * 1_000) {
        const startsAt = startOf(seconds, new Date(now.getTime() - ageMs)).getTime();
        for (const id of ids) traffic.run(seconds, startsAt, id);
        box.run(seconds, startsAt);
      }
    }
  })();
  db.close();
}
