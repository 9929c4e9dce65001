import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plugins } from '../../../plugins/index.ts';
import { apiOf, type TestApi } from '../../support/api.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';
import { fakeSecondFactor } from '../../support/second-factor.ts';

const REQUESTS = 20_000;
const USER = { email: 'user@example.com', password: 'the password of a user' };
/** These would end the test's own tokens, or take a second each: a user asks for them, a few times. */
const DANGEROUS = ['change-password', 'disable-plugin', 'update-api-settings', 'get-backup', 'stream-events', 'enable-plugin'];
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
  readonly requestBody?: { readonly required: boolean; readonly content: { readonly 'application/json': { readonly schema: Schema } } };
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

interface Request {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly isAdmin: boolean;
}

describe('requests made from the OpenAPI document, good and bad,', () => {
  const factor = fakeSecondFactor();
  let box: TestApp;
  let admin: TestApi;
  let user: TestApi;
  let document: Document;
  let known: Readonly<Record<string, readonly string[]>>;
  let watcher: Database.Database;

  beforeAll(async () => {
    box = await createTestApp({ plugins: [...plugins, factor.plugin] });
    admin = await apiOf(box);
    await admin.call('POST', '/users', USER);
    user = await apiOf(box, USER);
    await admin.call('PATCH', '/configuration/api', { requests_per_minute: 1_000_000_000 });
    document = (await (await fetch(`${box.url}/api/v0/openapi.json`)).json()) as Document;
    known = await knownNames();
    watcher = new Database(join(box.dataDirectory, 'wiregui.db'));
  });
  afterAll(async () => {
    watcher.close();
    await box[Symbol.asyncDispose]();
  });

  const ajv = addFormats.default(new Ajv2020({ strict: false }));
  const compiled = new Map<Schema, (value: unknown) => boolean>();
  function conforms(schema: Schema, value: unknown): boolean {
    const check = compiled.get(schema) ?? (ajv.compile(schema) as (value: unknown) => boolean);
    compiled.set(schema, check);
    return check(value);
  }

  const operations = (isDangerous: boolean): readonly Operation[] =>
    Object.entries(document.paths)
      .flatMap(([path, methods]) => Object.entries(methods).map(([method, described]) => ({ path, method: method.toUpperCase(), described })))
      .filter(({ described }) => DANGEROUS.includes(described.operationId) === isDangerous);

  it(`${REQUESTS + DANGEROUS_REQUESTS} of them, never meet a 5xx or what is not described, and leave nothing half done`, async () => {
    const statuses = new Map<number, number>();
    const reached = new Set<string>();
    const send = async (request: Operation & Request) => {
      const { status } = await sendAndJudge(request);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status < 300) reached.add(request.described.operationId);
    };
    for (const request of sample(operations(false), REQUESTS)) await send(request);
    for (const request of sample(operations(true), DANGEROUS_REQUESTS)) await send({ ...request, isAdmin: false });
    console.log(`${[...statuses.values()].reduce((sum, count) => sum + count)} requests: ${JSON.stringify(Object.fromEntries(statuses))}`);
    expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 201, 204, 403, 404, 409, 412, 422]));
    // Every operation has been carried out, not only refused.
    const missed = operations(false).filter(({ described }) => !reached.has(described.operationId));
    expect(missed.map(({ described }) => described.operationId)).toEqual([]);
    expect(await box.app.audit.firstBroken(box.app.db)).toBeNull();
    expect(box.app.db.writer.pragma('foreign_key_check', { simple: true })).toBeUndefined();
    expect(box.app.db.writer.pragma('integrity_check', { simple: true })).toBe('ok');
  }, 600_000);

  function sample(some: readonly Operation[], numRuns: number) {
    const one = fc.constantFrom(...some).chain((operation) => requestFor(operation, known).map((request) => ({ ...operation, ...request })));
    return fc.sample(one, { numRuns, seed: 20_261_124 });
  }

  async function sendAndJudge({ method, described, url, body, headers, isAdmin }: Operation & Request): Promise<{ readonly status: number }> {
    const before = stateOf(watcher);
    const response = await fetch(`${box.url}/api/v0${url}`, {
      method,
      headers: {
        authorization: `Bearer ${(isAdmin ? admin : user).token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const { status } = response;
    const type = response.headers.get('content-type')?.split(';')[0] ?? '';
    const isStream = type === 'text/event-stream' || type === 'application/gzip';
    if (isStream) await response.body?.cancel();
    const text = isStream ? '' : await response.text();
    const what = `${method} ${url} ${JSON.stringify(headers)} ${JSON.stringify(body)} → ${status} ${text.slice(0, 300)}`;
    const after = stateOf(watcher);

    expect(status, what).toBeLessThan(500);
    const answer = described.responses[status];
    expect(answer, what).toBeDefined();
    if (answer?.$ref) expect([type, conforms(document.components.schemas.Problem, JSON.parse(text))], what).toEqual(['application/problem+json', true]);
    else if (answer?.content?.['application/json']) expect(conforms(answer.content['application/json'].schema, JSON.parse(text)), what).toBe(true);
    else if (answer?.content) expect(Object.keys(answer.content), what).toContain(type);
    else expect(text, what).toBe('');

    const schema = described.requestBody?.content['application/json'].schema;
    const isBodyGood = body === undefined ? described.requestBody?.required !== true : schema !== undefined && conforms(schema, body);
    if (!isBodyGood) expect(status, what).toBeGreaterThanOrEqual(400);

    // What was refused, or only reads, has written nothing; what is done is in the audit log, once.
    if (headers['idempotency-key'] === undefined && (status >= 300 || method === 'GET')) expect(after.rows, what).toBe(before.rows);
    if (status >= 300 || method === 'GET') expect(after.acts, what).toBe(before.acts);
    else expect(after.acts - before.acts, what).toBe(isRecorded(described, before, after) ? 1 : 0);
    return { status };
  }

  /** Looks and questions are nobody's act. */
  function isRecorded({ operationId }: Described, before: State, after: State): boolean {
    if (['clear-notification', 'clear-notifications', 'update-account'].includes(operationId)) return false;
    return before.rows !== after.rows;
  }

  /** Names that mean something, by the place in a path where they stand. */
  async function knownNames(): Promise<Readonly<Record<string, readonly string[]>>> {
    const of = async (api: TestApi, path: string) => ((await api.call('GET', path)).body as readonly { readonly id: string }[]).map(({ id }) => id);
    const me = (await user.call('GET', '/account')).body.id;
    await box.signedIn(USER);
    const made = [
      await admin.call('POST', '/rules', { action: 'drop' }),
      await admin.call('POST', '/devices', { name: 'Mine' }),
      await user.call('POST', '/devices', { name: 'Theirs' }),
      await admin.call('POST', '/users', { email: 'other@example.com' }),
    ];
    const id = [...made.map(({ body }) => body.id), me, ...(await of(user, '/account/sessions')), 'firewall', '00000000-0000-4000-8000-000000000000'];
    return { id, '*': id };
  }
});

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

function requestFor({ path, method, described }: Operation, known: Readonly<Record<string, readonly string[]>>): fc.Arbitrary<Request> {
  const ids = known['*'] ?? [];
  const name = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...ids) },
    { weight: 1, arbitrary: fc.constantFrom('x', '%00', '..%2f..', '%F0%9F%92%A9', "'--", '%E0%A4%A') },
  );
  const parameters = (place: string) => described.parameters.filter((parameter) => parameter.in === place);
  const inPath = parameters('path').map((parameter): [string, fc.Arbitrary<string>] => [parameter.name, name]);
  const inQuery = parameters('query').map((parameter): [string, fc.Arbitrary<string>] => [
    parameter.name,
    fc.oneof(valueFor(parameter.schema, ids), NASTY).map(String),
  ]);
  const schema = described.requestBody?.content['application/json'].schema;
  const body = schema ? fc.oneof({ weight: 12, arbitrary: valueFor(schema, ids) }, { weight: 1, arbitrary: NASTY }) : fc.constant(undefined);
  return fc
    .record({
      path: fc.record(Object.fromEntries(inPath)),
      query: fc.record(Object.fromEntries(inQuery), { requiredKeys: [] }),
      headers: headersFor(parameters('header').map((parameter) => parameter.name)),
      body: method === 'GET' ? fc.constant(undefined) : body,
      isAdmin: fc.integer({ min: 0, max: 3 }).map((dice) => dice > 0),
    })
    .map((made) => {
      const search = new URLSearchParams(made.query).toString();
      const place = path.replace(/\{(\w+)\}/g, (_, parameter: string) => made.path[parameter] ?? '');
      return { url: `${place}${search === '' ? '' : `?${search}`}`, headers: made.headers, body: made.body, isAdmin: made.isAdmin };
    });
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
const PLAUSIBLE = [
  '10.0.0.5',
  '10.0.0.0/8',
  'fd00::5/128',
  '443',
  '1000-2000',
  'a name',
  'x@example.com',
  'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=',
  'vpn.example.com:51820',
  '2027-01-01T00:00:00Z',
  '',
];

/** Values that mostly fit a schema, and sometimes do not at all. */
function valueFor(schema: Schema, ids: readonly string[]): fc.Arbitrary<unknown> {
  const fitting = fittingFor(schema, ids);
  return fc.oneof({ weight: 15, arbitrary: fitting }, { weight: 1, arbitrary: NASTY });
}

function fittingFor(schema: Schema, ids: readonly string[]): fc.Arbitrary<unknown> {
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((one) => fittingFor(one, ids)));
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.type === 'boolean') return fc.boolean();
  if (schema.type === 'null') return fc.constant(null);
  if (schema.type === 'integer' || schema.type === 'number')
    return fc.integer({ min: Math.max(schema.minimum ?? -5, -1e9), max: Math.min(schema.maximum ?? 100_000, 1e9) });
  if (schema.type === 'array') return fc.array(valueFor(schema.items ?? {}, ids), { maxLength: 3 });
  if (schema.type === 'object') {
    const properties = Object.entries(schema.properties ?? {}).map(([name, property]) => [name, valueFor(property, ids)] as const);
    return fc.record(Object.fromEntries(properties), { requiredKeys: [...(schema.required ?? [])] });
  }
  if (schema.format === 'uuid') return fc.constantFrom(...ids);
  if (schema.format === 'email') return fc.integer({ min: 0, max: 500 }).map((number) => `made${number}@example.com`);
  return fc.oneof(fc.constantFrom(...PLAUSIBLE), fc.string({ maxLength: 12 }));
}
