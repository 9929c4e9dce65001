import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identities, sessions } from '../../../core/accounts/tables.ts';
import { hashToken, randomToken } from '../../../core/system/secrets.ts';
import { apiTokens } from '../../../plugins/api/tables.ts';
import { plugins } from '../../../plugins/index.ts';
import { apiOf, apiWith, type TestApi } from '../../support/api.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { fakeSecondFactor } from '../../support/second-factor.ts';

const REQUESTS = 20_000;
const USER = { email: 'user@example.com' };
/** These would end the test's own tokens, or take a second each: a user asks for them, a few times. */
const DANGEROUS = [
  'change-password',
  'disable-plugin',
  'enable-plugin',
  'update-api-settings',
  'get-backup',
  'make-backup',
  'stream-events',
  // Without https of its own the box is unable to.
  'install-certificate',
  'make-certificate',
  'order-certificate',
  // Mail servers that were made up are not asked.
  'send-test-mail',
];
/** What these do reaches other machines, or needs https of the box's own or an archive that was brought before. */
const OUTSIDE = /^\/(oidc|saml|certificate|mail|connectivity|backup\/(test|runs|restores))\b/;
const DANGEROUS_REQUESTS = 300;

interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly const?: unknown;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}

interface Described {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>>; readonly $ref?: string }>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: { readonly Problem: Schema } };
}

interface Operation {
  readonly path: string;
  readonly method: string;
  readonly described: Described;
}

/** Names such as `$device` stand for what there is when the request is sent. */
interface Request {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly isAdmin: boolean;
}

/** What stands in a path after this segment. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  users: ['$me', '$user'],
  devices: ['$device', '$theirs'],
  rules: ['$rule'],
  assertions: ['$assertion'],
  sessions: ['$session'],
  identities: ['$identity'],
  tokens: ['$token'],
  notifications: ['$notification'],
  changes: ['$change'],
  plugins: ['firewall'],
  factors: ['fake'],
  fake: ['$factor'],
};

describe('requests made from the OpenAPI document, good and bad,', () => {
  const factor = fakeSecondFactor();
  let box: TestApp;
  let admin: TestApi;
  let user: TestApi;
  let document: Document;
  let userId: string;
  let browser: TestBrowser;
  const alive = new Map<string, string>();
  let watcher: Database.Database;

  beforeAll(async () => {
    box = await createTestApp({ plugins: [...plugins, factor.plugin] });
    admin = await apiOf(box);
    browser = await box.signedIn();
    await admin.call('PATCH', '/configuration/api', { requests_per_minute: 1_000_000_000 });
    document = (await (await fetch(`${box.url}/api/v0/openapi.json`)).json()) as Document;
    watcher = new Database(join(box.dataDirectory, 'wiregui.db'));
  });
  afterAll(async () => {
    watcher.close();
    await box[Symbol.asyncDispose]();
  });

  const ajv = addFormats.default(new Ajv2020({ strict: false })).addFormat('base64', /^[A-Za-z0-9+/]*={0,2}$/);
  const compiled = new Map<Schema, (value: unknown) => boolean>();
  function conforms(schema: Schema, value: unknown): boolean {
    const check = compiled.get(schema) ?? (ajv.compile(schema) as (value: unknown) => boolean);
    compiled.set(schema, check);
    return check(value);
  }

  const operations = (isDangerous: boolean): readonly Operation[] =>
    Object.entries(document.paths)
      .flatMap(([path, methods]) => Object.entries(methods).map(([method, described]) => ({ path, method: method.toUpperCase(), described })))
      .filter(({ path, method, described }) => (DANGEROUS.includes(described.operationId) || (OUTSIDE.test(path) && method !== 'GET')) === isDangerous);

  it(`${REQUESTS + DANGEROUS_REQUESTS} of them, never meet a 5xx or what is not described, and leave nothing half done`, async () => {
    const statuses = new Map<number, number>();
    const reached = new Set<string>();
    const send = async (request: Operation & Request) => {
      const { status } = await sendAndJudge(resolved(request));
      if (status === 401) await renew('$me');
      else if (request.method === 'DELETE') await renewIfGone('$me');
      if (status === 404 || request.method === 'DELETE') for (const [kind] of JSON.stringify(request).matchAll(/\$[a-z]+/g)) await renewIfGone(kind);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status < 300) reached.add(request.described.operationId);
    };
    for (const [index, request] of sample(operations(false), REQUESTS).entries()) {
      if (index % 1_000 === 0) await startAnew();
      await send(request);
    }
    for (const request of sample(operations(true), DANGEROUS_REQUESTS)) await send({ ...request, isAdmin: false });
    console.log(`${[...statuses.values()].reduce((sum, count) => sum + count)} requests: ${JSON.stringify(Object.fromEntries(statuses))}`);
    expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 201, 204, 403, 404, 409, 412, 422]));
    // Every operation has been carried out, not only refused.
    const missed = operations(false).filter(({ path, described }) => !OUTSIDE.test(path) && !reached.has(described.operationId));
    expect(missed.map(({ described }) => described.operationId)).toEqual([]);
    expect(await box.app.audit.firstBroken(box.app.db)).toBeNull();
    expect(box.app.db.writer.pragma('foreign_key_check', { simple: true })).toBeUndefined();
    expect(box.app.db.writer.pragma('integrity_check', { simple: true })).toBe('ok');
  }, 600_000);

  function sample(some: readonly Operation[], numRuns: number) {
    const requests = fc.oneof(...some.map((operation) => requestFor(operation).map((request) => ({ ...operation, ...request }))));
    return fc.sample(requests, { numRuns, seed: 20_261_124 });
  }

  async function sendAndJudge({ method, described, url, body, headers, isAdmin }: Operation & Request): Promise<{ readonly status: number }> {
    const before = stateOf(watcher);
    const { status, type, text } = await ask(
      `${box.url}/api/v0${url}`,
      method,
      { authorization: `Bearer ${(isAdmin ? admin : user).token}`, ...headers },
      body,
    );
    const what = `${method} ${url} ${JSON.stringify(headers)} ${JSON.stringify(body)} → ${status} ${text.slice(0, 300)}`;
    const after = stateOf(watcher);

    expect(status, what).toBeLessThan(500);
    const answer = described.responses[status];
    expect(answer, what).toBeDefined();
    if (answer?.$ref) expect([type, conforms(document.components.schemas.Problem, JSON.parse(text))], what).toEqual(['application/problem+json', true]);
    else if (answer?.content?.['application/json']) expect(conforms(answer.content['application/json'].schema, JSON.parse(text)), what).toBe(true);
    else if (answer?.content) expect(Object.keys(answer.content), what).toContain(type);
    else expect(text, what).toBe('');

    const schema = described.requestBody?.content['application/json']?.schema;
    const isBodyGood = body === undefined ? described.requestBody?.required !== true : schema !== undefined && conforms(schema, body);
    if (!isBodyGood) expect(status, what).toBeGreaterThanOrEqual(400);

    // What was refused, or only reads, has written nothing; what was written is one act in the audit log.
    const isKeyed = headers['idempotency-key'] !== undefined;
    const isChange = status < 300 && method !== 'GET';
    if (!isChange && !isKeyed) expect(after.rows, what).toBe(before.rows);
    if (!isChange) expect(after.acts, what).toBe(before.acts);
    if (isChange && isKeyed && !described.operationId.startsWith('act-on-')) expect(after.acts - before.acts, what).toBeLessThanOrEqual(1);
    // To several at once is one act for each.
    if (isChange && !isKeyed && described.operationId.startsWith('act-on-')) expect(after.acts > before.acts, what).toBe(after.rows !== before.rows);
    else if (isChange && !isKeyed) expect(after.acts - before.acts, what).toBe(isAct(described, before, after) ? 1 : 0);
    return { status };
  }

  /** Looks and questions are nobody's act. */
  function isAct({ operationId }: Described, before: State, after: State): boolean {
    if (['read-notification', 'read-notifications', 'clear-notification', 'clear-notifications', 'update-account'].includes(operationId)) return false;
    return before.rows !== after.rows;
  }

  const makers: Readonly<Record<string, () => Promise<string>>> = {
    async $me() {
      const [present] = (await admin.call('GET', '/users?q=user@')).body;
      if (present) await admin.call('DELETE', `/users/${present.id}`);
      userId = (await admin.call('POST', '/users', USER)).body.id;
      // A sign-in would cost as much as fifty requests.
      const values = { userId: userId as never, name: 'token', prefix: 'wg_', expiresAt: new Date(4e12), createdAt: new Date(0), updatedAt: new Date(0) };
      const token = `wg_${randomToken()}`;
      await box.app.db.transaction(async (tx) => void (await tx.insert(apiTokens).values({ ...values, hash: hashToken(token) })));
      user = apiWith(box, token);
      return userId;
    },
    $user: async () => (await admin.call('POST', '/users', { email: `other${Math.random()}@example.com` })).body.id,
    $device: async () => (await admin.call('POST', '/devices', { name: `device ${Math.random()}` })).body.id,
    $theirs: async () => (await user.call('POST', '/devices', { name: `device ${Math.random()}` })).body.id,
    $rule: async () => (await admin.call('POST', '/rules', { action: 'drop', destination: '10.99.0.0/16' })).body.id,
    $assertion: async () => (await admin.call('POST', '/assertions', { expectation: 'reach', destination: '192.0.2.0/24' })).body.id,
    async $session() {
      const [at, until] = [new Date(0), new Date(4e12)];
      const values = {
        userId: userId as never,
        hash: `${Math.random()}`,
        method: 'local',
        data: {},
        lastSeenAt: at,
        expiresAt: until,
        createdAt: at,
        updatedAt: at,
      };
      return box.app.db.transaction(async (tx) => (await tx.insert(sessions).values(values).returning())[0]?.id ?? '');
    },
    // Two of them: the only way in is not unlinked.
    async $identity() {
      const values = [1, 2].map(() => ({
        userId: userId as never,
        provider: 'oidc:test',
        issuer: 'x',
        subject: `${Math.random()}`,
        createdAt: new Date(0),
        updatedAt: new Date(0),
      }));
      return box.app.db.transaction(async (tx) => (await tx.insert(identities).values(values).returning())[0]?.id ?? '');
    },
    $factor: async () => factor.give(userId, 'Key'),
    async $token() {
      for (const { id, name } of (await user.call('GET', '/account/tokens')).body) if (name !== 'token') await user.call('DELETE', `/account/tokens/${id}`);
      return (await user.call('POST', '/account/tokens', { name: 'another' })).body.id;
    },
    async $notification() {
      box.app.events.emit('attention.needed', { severity: 'info', about: 'test', message: `${Math.random()}` });
      await box.app.db.transaction(async () => {});
      return (await admin.call('GET', '/notifications')).body[0].id;
    },
    async $change() {
      const { ipv4_network: ipv4Network, ipv6_network: ipv6Network } = (await admin.call('GET', '/configuration/network')).body;
      const listenPort = String(50_000 + Math.floor(Math.random() * 9_000));
      await browser.post('/admin/settings/network', { listenPort, mtu: '1420', ipv4Network: ipv4Network ?? '', ipv6Network: ipv6Network ?? '' });
      return (await admin.call('GET', '/changes')).body[0]?.id ?? '';
    },
  };

  /** What has gathered makes every further request slower, and finds nothing. */
  async function startAnew(): Promise<void> {
    for (const table of ['firewall_rules', 'firewall_assertions', 'devices']) box.app.db.writer.exec(`DELETE FROM ${table}`);
    for (const kind of Object.keys(makers)) await renew(kind);
  }

  async function renew(kind: string): Promise<void> {
    const id = await makers[kind]?.();
    if (id !== undefined) alive.set(kind, id || 'none');
    if (kind === '$me') for (const theirs of ['$theirs', '$session', '$identity', '$factor', '$token']) if (alive.has(theirs)) await renew(theirs);
  }

  async function renewIfGone(kind: string): Promise<void> {
    if ((await user.call('GET', '/account')).status === 401) await renew('$me');
    const tables: Readonly<Record<string, string>> = {
      $me: 'users',
      $user: 'users',
      $device: 'devices',
      $theirs: 'devices',
      $rule: 'firewall_rules',
      $assertion: 'firewall_assertions',
      $session: 'sessions',
      $identity: 'identities',
      $token: 'api_tokens',
      $notification: 'notifications',
      $change: 'provisional_changes',
    };
    const table = tables[kind];
    const isThere = table !== undefined && watcher.prepare(`SELECT 1 FROM ${table} WHERE id = ?`).get(alive.get(kind)) !== undefined;
    if (kind === '$factor' ? (await user.call('GET', '/account/factors')).body.length === 0 : table !== undefined && !isThere) await renew(kind);
  }

  function resolved<R extends Request>(request: R): R {
    const resolve = (text: string) => text.replace(/\$[a-z]+/g, (kind) => alive.get(kind) ?? kind);
    return { ...request, url: resolve(request.url), body: request.body === undefined ? undefined : JSON.parse(resolve(JSON.stringify(request.body))) };
  }
});

const agent = new Agent({ keepAlive: true });

/** What never ends is not waited for. */
function ask(url: string, method: string, headers: Readonly<Record<string, string>>, body: unknown) {
  return new Promise<{ readonly status: number; readonly type: string; readonly text: string }>((resolve, reject) => {
    const sent = request(
      url,
      { agent, method, headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) } },
      async (response) => {
        const status = response.statusCode ?? 0;
        const type = response.headers['content-type']?.split(';')[0] ?? '';
        const chunks: Buffer[] = [];
        if (type === 'text/event-stream') response.destroy();
        else for await (const chunk of response) chunks.push(chunk);
        resolve({ status, type, text: type === 'application/gzip' ? '' : Buffer.concat(chunks).toString() });
      },
    );
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** How often rows have been written by others than this connection, and how many acts were recorded. */
interface State {
  readonly rows: number;
  readonly acts: number;
}

function stateOf(watcher: Database.Database): State {
  return {
    rows: Number(watcher.pragma('data_version', { simple: true })),
    acts: Number(watcher.prepare('SELECT coalesce(max(seq), 0) FROM audit_log').pluck().get()),
  };
}

function requestFor({ path, method, described }: Operation): fc.Arbitrary<Request> {
  const parameters = (place: string) => described.parameters.filter((parameter) => parameter.in === place);
  const inPath = path.split('/').map((segment, at, all) => (segment.startsWith('{') ? nameAfter(all[at - 1] ?? '') : fc.constant(segment)));
  const inQuery = parameters('query').map((parameter): [string, fc.Arbitrary<string>] => [
    parameter.name,
    fc.oneof({ weight: 4, arbitrary: valueFor(parameter.schema, parameter.name) }, { weight: 1, arbitrary: NASTY }).map(String),
  ]);
  const schema = described.requestBody?.content['application/json']?.schema;
  // What takes a file takes nothing else.
  const good = schema ? valueFor(schema, '') : fc.constant(undefined);
  const body = described.requestBody ? fc.oneof({ weight: 12, arbitrary: good }, { weight: 1, arbitrary: NASTY }) : fc.constant(undefined);
  return fc
    .record({
      path: fc.tuple(...inPath),
      query: someOf(Object.fromEntries(inQuery)),
      headers: headersFor(parameters('header').map((parameter) => parameter.name)),
      body: method === 'GET' ? fc.constant(undefined) : body,
      isAdmin: fc.integer({ min: 0, max: 3 }).map((dice) => dice > (path.startsWith('/account') ? 2 : 0)),
    })
    .map((made) => {
      const search = new URLSearchParams(made.query as Record<string, string>).toString();
      const url = `${made.path.join('/')}${search === '' ? '' : `?${search}`}`;
      return { url: url.replaceAll('%24', '$'), headers: made.headers, body: made.body, isAdmin: made.isAdmin };
    });
}

function nameAfter(segment: string): fc.Arbitrary<string> {
  const fitting = KINDS[segment] ?? (segment === '{factor}' ? ['$factor'] : []);
  return fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...(fitting.length > 0 ? fitting : ['x'])) },
    { weight: 1, arbitrary: fc.constantFrom(...Object.values(KINDS).flat()) },
    { weight: 1, arbitrary: fc.constantFrom('x', '%00', '..%2f..', '%F0%9F%92%A9', "'--", '%E0%A4%A', '00000000-0000-4000-8000-000000000000') },
  );
}

/** Few of the fields, so that all of them may be good, and those that are required. */
function someOf(fields: Readonly<Record<string, fc.Arbitrary<unknown>>>, required: readonly string[] = []): fc.Arbitrary<Record<string, unknown>> {
  const optional = Object.keys(fields).filter((name) => !required.includes(name));
  return fc
    .subarray(optional, { maxLength: Math.min(3, optional.length) })
    .chain((names) => fc.record(Object.fromEntries([...required, ...names].map((name) => [name, fields[name] ?? fc.constant(null)]))));
}

/** Mostly none; tags that fit nothing, keys that come again. */
function headersFor(names: readonly string[]): fc.Arbitrary<Readonly<Record<string, string>>> {
  const values: Readonly<Record<string, fc.Arbitrary<string>>> = {
    'Idempotency-Key': fc.integer({ min: 0, max: 200 }).map((number) => `key ${number}`),
    'If-Match': fc.constantFrom('*', '"nothing"', '', 'W/"x", "y"'),
    'If-None-Match': fc.constantFrom('*', '"nothing"', ''),
  };
  const some = names.flatMap((name) => (values[name] ? [fc.tuple(fc.constant(name.toLowerCase()), values[name])] : []));
  if (some.length === 0) return fc.constant({});
  return fc.oneof(
    { weight: 4, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.oneof(...some).map(([header, value]) => Object.fromEntries([[header, value]])) },
  );
}

const NASTY = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.constant([]),
  fc.constant({}),
  fc.constant(JSON.parse('{"__proto__": {"isAdmin": true}}')),
  fc.double(),
  fc.constant('__proto__'),
  fc.string({ minLength: 2_000, maxLength: 3_000 }),
);
const PLAUSIBLE = ['10.0.0.5', '10.0.0.0/8', 'fd00::5/128', '443', '1000-2000', 'a name', 'x@example.com', 'vpn.example.com:51820', ''];
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJggg==';
/** What fits a field of that name, beyond what its schema can say. */
const FITTING: readonly (readonly [RegExp, fc.Arbitrary<unknown>])[] = [
  [/_key$/, fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('base64'))],
  [/^user_id$/, fc.constantFrom('$me', '$user')],
  [/^before$/, fc.constantFrom('$rule', null)],
  [/^content$/, fc.constant(PNG)],
  [/^destination$/, fc.constantFrom('10.0.0.5', '10.1.0.0/16')],
  [/^port_range$/, fc.constantFrom('80', '1000-2000')],
  [/^(allowed_ips|dns|allowed_subnets)$/, fc.constantFrom(['10.5.0.0/16'], ['192.0.2.53'], [])],
  [/^endpoint$/, fc.constant('vpn.example.com:51820')],
  [/_at$/, fc.constant('2027-01-01T00:00:00Z')],
  [/^name$/, fc.integer({ min: 0, max: 1e6 }).map((number) => `name ${number}`)],
  [/email/, fc.integer({ min: 0, max: 1e6 }).map((number) => `made${number}@example.com`)],
  [/password/, fc.constantFrom(null, 'short')],
];

/** Values that mostly fit a schema, and sometimes do not at all. */
function valueFor(schema: Schema, name: string): fc.Arbitrary<unknown> {
  const fitting = FITTING.find(([pattern]) => pattern.test(name))?.[1];
  return fc.oneof({ weight: 20, arbitrary: fitting ?? fittingFor(schema) }, { weight: 5, arbitrary: fittingFor(schema) }, { weight: 1, arbitrary: NASTY });
}

function fittingFor(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((one) => fittingFor(one)));
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.type === 'boolean') return fc.boolean();
  if (schema.type === 'null') return fc.constant(null);
  if (schema.type === 'integer' || schema.type === 'number')
    return fc.integer({ min: Math.max(schema.minimum ?? -5, -1e9), max: Math.min(schema.maximum ?? 100_000, 1e9) });
  if (schema.type === 'array') return fc.array(valueFor(schema.items ?? {}, ''), { maxLength: 3 });
  if (schema.type === 'object') {
    const properties = Object.entries(schema.properties ?? {}).map(([name, property]) => [name, valueFor(property, name)] as const);
    return someOf(Object.fromEntries(properties), schema.required);
  }
  if (schema.format === 'uuid') return fc.constantFrom('$me', '$user', '$device', '$rule');
  return fc.oneof(fc.constantFrom(...PLAUSIBLE), fc.string({ maxLength: 12 }));
}
