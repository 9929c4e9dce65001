import { createHash } from 'node:crypto';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { DATABASE_FILE } from '../../core/db/open.ts';
import { publicKeyOf } from '../../core/devices/keys.ts';
import type { PrivateKey } from '../../core/net/inputs.ts';
import type { Run } from '../../core/system/run.ts';
import { RANGES, startsIn } from '../../plugins/traffic/buckets.ts';
import { apiOf, type TestApi } from './api.ts';
import { ADMIN, createTestApp, type TestApp } from './app.ts';
import { createAppliance, type FakeAppliance } from './appliance.ts';
import { codeAt } from './codes.ts';
import { createNetwork, type Network } from './network.ts';
import { createIdp } from './saml-idp.ts';
import { until } from './wait.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const MORNING = new Date('2026-06-01T08:00:00Z');
const INTERFACE = 'wg-demo';

const PEOPLE = [
  ['anna.berg', 'admin'],
  ['david.okafor', 'unprivileged'],
  ['elena.petrova', 'unprivileged'],
  ['jonas.lindqvist', 'unprivileged'],
  ['maria.santos', 'unprivileged'],
  ['priya.raman', 'unprivileged'],
  ['tom.whitfield', 'unprivileged'],
] as const;

/** Whose device, its name, how many minutes ago it was last heard of (null: never), and how busy it is. */
const DEVICES = [
  ['admin', 'Work laptop', 0, 9],
  ['admin', 'Phone', 1, 2],
  ['admin', 'Tablet', 2_900, 1],
  ['anna.berg', 'ThinkPad', 0, 7],
  ['anna.berg', 'Phone', 1, 1],
  ['david.okafor', 'MacBook', 0, 12],
  ['elena.petrova', 'Studio PC', 1, 5],
  ['elena.petrova', 'Phone', 95, 1],
  ['jonas.lindqvist', 'Branch office router', 0, 16],
  ['maria.santos', 'Laptop', 240, 3],
  ['priya.raman', 'Laptop', 1, 4],
  ['priya.raman', 'Home server', null, 0],
  ['tom.whitfield', 'Old phone', 40_000, 0],
] as const;

const NOTICES = [
  ['warning', 'certificate', 'The certificate of this box ends in 14 days.'],
  ['error', 'mail', 'The mail server mail.example.com did not answer.'],
  ['info', 'connectivity', 'The address to check answers again.'],
] as const;

const LOG = [
  ['wiregui.service', '6', 'service started'],
  ['systemd-timesyncd.service', '6', 'Contacted time server 192.0.2.123:123 (time.example.com).'],
  ['wiregui.service', '4', 'a provider did not answer in time'],
  ['systemd-networkd.service', '6', 'enp1s0: DHCPv4 address 192.0.2.5/24, gateway 192.0.2.1 acquired from 192.0.2.1'],
  ['wiregui.service', '6', 'backup written'],
] as const;

/** Whose sign-in asks for a second factor. */
const CAREFUL = { email: 'elena.petrova@example.com', password: 'the password of elena' };

type Given = Readonly<Record<string, string>>;

const PROVIDER = {
  id: 'company',
  label: 'Example account',
  discovery_document_uri: 'https://id.example.com/.well-known/openid-configuration',
  client_id: 'wiregui',
  client_secret: 'not a real secret',
  auto_create_users: true,
  allowed_domains: ['example.com'],
};
const RULES: readonly Given[] = [
  { action: 'accept', destination: '10.20.0.0/16', protocol: 'tcp', port_range: '443', comment: 'Intranet for everybody' },
  { action: 'accept', destination: '10.20.0.53', protocol: 'udp', port_range: '53', comment: 'Name server' },
  { action: 'accept', who: 'david.okafor', destination: '10.20.8.0/24', protocol: 'tcp', port_range: '22', comment: 'Build machines' },
  { action: 'accept', who: 'jonas.lindqvist', destination: '10.30.0.0/16', comment: 'Branch office' },
  { action: 'drop', destination: '10.0.0.0/8', comment: 'Everything else inside' },
];
const ASSERTIONS: readonly Given[] = [
  { expectation: 'reach', who: 'david.okafor', destination: '10.20.8.4', protocol: 'tcp', port_range: '22', comment: 'Deployments' },
  { expectation: 'not-reach', destination: '10.20.9.0/24', comment: 'The cameras' },
];

/** A box that has been in use for a while, at a moment that stands still: pictures of two of them differ in keys alone. */
export interface Demo extends AsyncDisposable {
  readonly box: TestApp;
  readonly ids: { readonly device: string; readonly user: string };
  /** Somebody with a second factor. */
  readonly careful: typeof CAREFUL;
  /** Two seconds in which devices go on as they did. */
  transfer(): Promise<void>;
}

interface DemoDevice {
  readonly id: string;
  readonly publicKey: string;
  readonly minutesAgo: number | null;
  readonly busy: number;
}

/** What `wg` is made to say. */
interface Heard {
  peers: readonly DemoDevice[];
  minutes: number;
}

export async function createDemo(): Promise<Demo> {
  await using cleanUp = new AsyncDisposableStack();
  const network = cleanUp.use(await createNetwork());
  const heard: Heard = { peers: [], minutes: 0 };
  const appliance = cleanUp.use(asIfBooted(createAppliance()));
  const settings = { WG_WG_ENDPOINT_HOST: 'vpn.example.com', WG_WG_INTERFACE: INTERFACE, ...appliance.env };
  const box = cleanUp.use(await createTestApp({ network: asIfUsed(network, heard), start: MORNING, env: settings }));
  const api = await apiOf(box, ADMIN, '30', 'Backup script');
  const users = await addPeople(api);
  heard.peers = await addDevices(api, users);
  for (const { who, ...rule } of RULES) {
    box.clock.advance(MINUTE_MS);
    await ask(api, '/rules', { ...rule, ...(who ? { user_id: users.get(who) } : {}) });
  }
  for (const { who, ...assertion } of ASSERTIONS) await ask(api, '/assertions', { ...assertion, ...(who ? { user_id: users.get(who) } : {}) });
  await ask(api, '/oidc-providers', PROVIDER);
  const { metadata } = await createIdp('https://saml.example.com');
  await ask(api, '/saml-providers', { id: 'school', label: 'Example school', metadata: metadata() });
  await ask(api, `/users/${users.get('tom.whitfield')}/disable`);
  await ask(api, `/users/${users.get('elena.petrova')}`, { password: CAREFUL.password }, 'PATCH');
  await addFactor(box);
  await ask(api, '/configuration/mail', { host: 'mail.example.com', from_address: 'vpn@example.com' }, 'PATCH');
  // What the peers had moved before is no traffic of today.
  await poll(box, heard);
  writeHistory(box, heard.peers);
  for (let minute = 0; minute < 3; minute += 1) await poll(box, heard);
  const owned = cleanUp.move();
  return {
    box,
    ids: { device: heard.peers[0]?.id ?? '', user: users.get('elena.petrova') ?? '' },
    careful: CAREFUL,
    transfer: () => poll(box, heard, 2 * SECOND_MS),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A box that has been up for a day, at the moment of the demo. */
function asIfBooted(appliance: FakeAppliance): FakeAppliance {
  const now = MORNING.getTime() / SECOND_MS;
  Object.assign(appliance.status, { now: String(now), built: String(now - 20 * 86_400) });
  appliance.verbs['logs'] = () =>
    LOG.map(([unit, priority, message], index) =>
      JSON.stringify({ __REALTIME_TIMESTAMP: `${now - index * 47}000000`, MESSAGE: message, PRIORITY: priority, _SYSTEMD_UNIT: unit }),
    );
  return appliance;
}

async function addFactor(box: TestApp): Promise<void> {
  const browser = await box.signedIn(CAREFUL);
  const page = await browser.get('/account/totp/new');
  const secret = /id="secret">(.*?)<\/p>/s.exec(page.text)?.[1]?.replace(/<[^>]*>|\s/g, '') ?? '';
  await browser.post('/account/totp/new', { name: 'Phone', code: codeAt(secret, box.clock.now()) });
  await browser.post('/account/recovery-codes');
}

async function ask(api: TestApi, path: string, body: unknown = {}, method = 'POST'): Promise<{ readonly id: string }> {
  const answer = await api.call(method, path, body);
  if (answer.status >= 300) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
  return answer.body?.data ?? answer.body;
}

async function addPeople(api: TestApi): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>();
  for (const [name, role] of PEOPLE) ids.set(name, (await ask(api, '/users', { email: `${name}@example.com`, role })).id);
  return ids;
}

async function addDevices(api: TestApi, users: ReadonlyMap<string, string>): Promise<readonly DemoDevice[]> {
  const devices: DemoDevice[] = [];
  for (const [who, name, minutesAgo, busy] of DEVICES) {
    const seed = createHash('sha256').update(`${who}/${name}`).digest('base64') as PrivateKey;
    const publicKey = publicKeyOf(seed);
    const owner = users.get(who);
    const { id } = await ask(api, '/devices', { name, public_key: publicKey, ...(owner ? { user_id: owner } : {}) });
    devices.push({ id, publicKey, minutesAgo, busy });
  }
  return devices;
}

/** The real interface, but what `wg` says of its peers is as if they had been used. */
function asIfUsed(network: Network, heard: Heard): Network {
  const begun = MORNING.getTime();
  const run: Run = async (argv, options) => {
    const answer = await network.server.run(argv, options);
    if (argv.at(-1) !== 'dump') return answer;
    return { ...answer, stdout: answer.stdout.split('\n').map(used).join('\n') };
  };
  function used(line: string): string {
    const fields = line.split('\t');
    const index = heard.peers.findIndex(({ publicKey }) => publicKey === fields[0]);
    const { minutesAgo, busy } = heard.peers[index] ?? { minutesAgo: null, busy: 0 };
    if (minutesAgo === null) return line;
    const moved = minutesAgo > 1 ? 0 : heard.minutes * 60 * busy;
    fields.splice(2, 1, `203.0.113.${20 + index}:${51_000 + index * 7}`);
    fields.splice(
      4,
      3,
      String(Math.floor((begun + 10 * MINUTE_MS) / 1_000) - minutesAgo * 60),
      String(Math.round(busy * 3e8 + moved * 6_500)),
      String(Math.round(busy * 21e8 + moved * 45_000)),
    );
    return fields.join('\t');
  }
  return { ...network, server: { ...network.server, run } };
}

/** What was moved before: less at night and at weekends, straight into the tables of traffic. */
function writeHistory({ dataDirectory, clock }: TestApp, devices: readonly DemoDevice[]): void {
  const db = new Database(join(dataDirectory, DATABASE_FILE));
  const ofDevice = db.prepare('insert or replace into traffic_devices (span, starts_at, rx_bytes, tx_bytes, device_id) values (?, ?, ?, ?, ?)');
  const ofBox = db.prepare('insert or replace into traffic_box (span, starts_at, rx_bytes, tx_bytes) values (?, ?, ?, ?)');
  const total = db.prepare('update devices set rx_bytes = ?, tx_bytes = ? where id = ?');
  const notice = db.prepare('insert into notifications (id, created_at, updated_at, severity, message, about, read_at) values (?, ?, ?, ?, ?, ?, ?)');
  const all = db.transaction(() => {
    for (const { id, busy } of devices) total.run(busy * 3e8, busy * 21e8, id);
    for (const [index, [severity, about, message]] of NOTICES.entries()) {
      const at = clock.now().getTime() - (index * 7 + 1) * 3_600_000;
      notice.run(`00000000-0000-4000-8000-00000000000${index}`, at, at, severity, message, about, index < 2 ? null : at);
    }
    for (const range of ['day', 'month', 'year'] as const) {
      for (const start of startsIn(range, clock.now())) {
        const { span } = RANGES[range];
        const moved = devices.map(({ busy }, index) =>
          Math.round(busy * activity(start, span, index) * Math.min(span, (clock.now().getTime() - start.getTime()) / 1_000) * 90_000),
        );
        for (const [index, { id }] of devices.entries())
          if (moved[index]) ofDevice.run(span, start.getTime(), Math.round((moved[index] ?? 0) / 7), moved[index], id);
        const sum = moved.reduce((total, bytes) => total + bytes, 0);
        ofBox.run(span, start.getTime(), Math.round(sum / 7), sum);
      }
    }
  });
  all();
  db.close();
}

/** 0 to about 1: by the hour and the weekday, with a wobble that is the same each time. */
function activity(start: Date, span: number, index: number): number {
  const isWorkday = start.getUTCDay() % 6 !== 0;
  const hour = start.getUTCHours() + start.getUTCMinutes() / 60;
  const byHour = span >= 86_400 ? 0.5 : Math.exp(-(((hour - 13) / 4.5) ** 2));
  const wobble = 0.65 + 0.35 * Math.sin(start.getTime() / (span * 2_700) + index * 1.7);
  return (isWorkday ? 1 : 0.25) * (0.08 + byHour) * wobble;
}

async function poll({ app, clock }: TestApp, heard: Heard, ms = MINUTE_MS): Promise<void> {
  heard.minutes += ms / MINUTE_MS;
  let isOver = false;
  const stop = app.events.on('job.ran', ({ id }) => {
    isOver ||= id === 'stats';
  });
  clock.advance(ms);
  await until('the interface is read', () => isOver);
  stop();
}
