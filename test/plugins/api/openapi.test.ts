import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { OpenAPIClientAxios } from 'openapi-client-axios';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operationSlot } from '../../../core/plugin/contract.ts';
import { apiOf, type TestApi } from '../../support/api.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';

const REQUESTS = 20_000;
const USER = { email: 'user@example.com', password: 'the password of a user' };

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
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: Schema } } };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>>; readonly $ref?: string }>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: { readonly Problem: Schema } };
}

describe('the OpenAPI document', () => {
  let box: TestApp;
  let api: TestApi;
  let user: TestApi;
  let document: Document;

  beforeAll(async () => {
    box = await createTestApp();
    api = await apiOf(box);
    await api.call('POST', '/users', USER);
    user = await apiOf(box, USER);
    await api.call('PATCH', '/configuration/api', { requests_per_minute: 1_000_000_000 });
    document = (await (await fetch(`${box.url}/api/v0/openapi.json`)).json()) as Document;
  });
  afterAll(() => box[Symbol.asyncDispose]());

  const operations = () =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, described]) => ({ path, method: method.toUpperCase(), described })),
    );

  it('satisfies an independent validator', async () => {
    const verdict = await new Validator().validate(structuredClone(document) as never);
    expect(verdict.errors).toBeUndefined();
    expect(verdict.valid).toBe(true);
  });

  it('describes every operation that is served, with what it answers', () => {
    const served = box.app.host.all(operationSlot);
    expect(
      operations()
        .map(({ described }) => described.operationId)
        .sort(),
    ).toEqual(served.map(({ id }) => id).sort());
    for (const { id, answer, status, type } of served) expect(answer !== undefined || status === 204 || type !== undefined, id).toBe(true);
  });

  it('is what the reference page shows, without scripts and to everybody', async () => {
    const page = (await box.browser().get('/api/docs')).text;
    for (const { described } of operations()) expect(page).toContain(`id="${described.operationId}"`);
    expect((await (await box.signedIn()).get('/api/docs')).text).toContain('sidebar');
  });

  it('makes a client that creates, reads, changes, lists and deletes what there is', async () => {
    const made = new OpenAPIClientAxios({
      definition: document as never,
      axiosConfigDefaults: { baseURL: `${box.url}/api/v0`, headers: { authorization: `Bearer ${api.token}` } },
    });
    const client = (await made.init()) as unknown as Record<
      string,
      (parameters?: unknown, body?: unknown) => Promise<{ status: number; data: { id: string } & Record<string, unknown> }>
    >;
    const call = async (id: string, parameters?: unknown, body?: unknown) =>
      (await client[id]?.(parameters, body))?.data as { id: string } & Record<string, unknown>;
    const made1 = await call('create-user', null, { email: 'client@example.com' });
    expect(await call('update-user', { id: made1.id }, { role: 'admin' })).toMatchObject({ role: 'admin' });
    const device = await call('create-device', null, { name: 'By a client', user_id: made1.id });
    expect(device['configuration']).toContain('[Interface]');
    expect(await call('update-device', { id: device.id }, { description: 'changed' })).toMatchObject({ description: 'changed' });
    const rule = await call('create-rule', null, { action: 'drop', destination: '10.0.0.0/8', user_id: made1.id });
    expect(await call('get-rule', { id: rule.id })).toMatchObject({ destination: '10.0.0.0/8' });
    expect(await call('simulate', null, { destination: '10.0.0.1', protocol: 'icmp', user_id: made1.id })).toMatchObject({ verdict: 'drop', rule_id: rule.id });
    const assertion = await call('create-assertion', null, { expectation: 'not-reach', destination: '10.0.0.0/8', user_id: made1.id });
    expect(await call('list-assertions')).toMatchObject([{ id: assertion.id, holds: true }]);
    expect(await call('update-security-settings', null, { vpn_session_duration: 0 })).toMatchObject({ vpn_session_duration: 0 });
    const token = await call('create-token', null, { name: 'second' });
    expect(((await call('list-tokens')) as unknown as unknown[]).length).toBe(2);
    for (const [id, what] of [
      ['revoke-token', token.id],
      ['delete-assertion', assertion.id],
      ['delete-rule', rule.id],
      ['delete-device', device.id],
      ['delete-user', made1.id],
    ] as const)
      await call(id, { id: what });
    for (const id of [
      'list-users',
      'list-devices',
      'list-rules',
      'list-notifications',
      'list-audit',
      'list-plugins',
      'list-changes',
      'get-diagnostics',
      'get-account',
    ])
      expect(await call(id), id).toBeDefined();
  });

  it(`holds for ${REQUESTS} requests made from it, good and bad: never a 5xx, an answer it does not describe, or something half done`, async () => {
    const ajv = addFormats.default(new Ajv2020({ strict: false }));
    const shapes = new Map<string, (value: unknown) => boolean>();
    const conforms = (key: string, schema: Schema, value: unknown) => {
      const known = shapes.get(key) ?? ajv.compile(schema);
      shapes.set(key, known as (value: unknown) => boolean);
      return known(value);
    };
    const ids = await knownIds();
    // What would end the test's own token, or everything, is asked of the user alone; mail servers that were made up are not asked.
    const all = operations().filter(
      ({ described }) =>
        !['get-backup', 'disable-plugin', 'stream-events', 'change-password', 'update-api-settings', 'send-test-mail'].includes(described.operationId),
    );
    const counts = new Map<number, number>();
    const requests = fc.sample(
      fc.constantFrom(...all).chain((operation) => requestFor(operation, ids).map((request) => ({ ...operation, ...request }))),
      { numRuns: REQUESTS, seed: 20_261_124 },
    );
    await inParallel(8, requests, async ({ method, path, described, url, body, isAdmin }) => {
      const answer = await fetch(`${box.url}/api/v0${url}`, {
        method,
        headers: { authorization: `Bearer ${(isAdmin ? api : user).token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
      const what = `${method} ${url} ${JSON.stringify(body)} → ${answer.status} ${text.slice(0, 300)}`;
      expect(answer.status, what).toBeLessThan(500);
      const response = described.responses[answer.status];
      expect(response, what).toBeDefined();
      const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
      if (response?.$ref)
        expect([type, conforms('problem', document.components.schemas.Problem, JSON.parse(text))], what).toEqual(['application/problem+json', true]);
      else if (response?.content?.['application/json'])
        expect(conforms(`${method} ${path}`, response.content['application/json'].schema, JSON.parse(text)), what).toBe(true);
    });
    expect([...counts.keys()].sort()).toEqual(expect.arrayContaining([200, 201, 204, 403, 404, 422]));
    expect(await box.app.audit.firstBroken(box.app.db)).toBeNull();
    expect(box.app.db.writer.pragma('foreign_key_check', { simple: true })).toBeUndefined();
    expect(box.app.db.writer.pragma('integrity_check', { simple: true })).toBe('ok');
  }, 600_000);

  async function knownIds(): Promise<readonly string[]> {
    const rule = await api.call('POST', '/rules', { action: 'drop' });
    const mine = await api.call('POST', '/devices', { name: 'Mine' });
    const theirs = await user.call('POST', '/devices', { name: 'Theirs' });
    const other = await api.call('POST', '/users', { email: 'other@example.com' });
    return [rule.body.id, mine.body.id, theirs.body.id, other.body.id, 'firewall', '00000000-0000-4000-8000-000000000000'];
  }
});

/** Runs the work for each item, so many at a time. */
async function inParallel<T>(workers: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (const item of left) await work(item);
    }),
  );
}

function requestFor({ path, described }: { readonly path: string; readonly described: Described }, ids: readonly string[]) {
  const id = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...ids) },
    { weight: 1, arbitrary: fc.constantFrom('x', '%00', '..%2f..', '%F0%9F%92%A9', "'--") },
  );
  const queries = described.parameters.filter((parameter) => parameter.in === 'query');
  const query = fc.record(Object.fromEntries(queries.map(({ name, schema }) => [name, fc.oneof(valueFor(schema, ids), NASTY).map(String)])), {
    requiredKeys: [],
  });
  const schema = described.requestBody?.content['application/json'].schema;
  const body = schema ? fc.oneof({ weight: 12, arbitrary: valueFor(schema, ids) }, { weight: 1, arbitrary: NASTY }) : fc.constant(undefined);
  return fc.record({ id, query, body, isAdmin: fc.integer({ min: 0, max: 3 }).map((dice) => dice > 0) }).map((made) => {
    const search = new URLSearchParams(made.query as Record<string, string>).toString();
    return { url: `${path.replace('{id}', made.id)}${search === '' ? '' : `?${search}`}`, body: made.body, isAdmin: made.isAdmin };
  });
}

const NASTY = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.constant([]),
  fc.constant({}),
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
  'JZEXAMPLEJZEXAMPLEJZEXAMPLEJZEXAMPLEJZEXAA0=',
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
