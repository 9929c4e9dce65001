import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiOf, type TestApi } from '../../support/api.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';

const USER = { email: 'user@example.com', password: 'the password of a user' };
const OTHER = { email: 'other@example.com', password: 'the password of another' };

describe('the REST API, attacked,', () => {
  let box: TestApp;
  let admin: TestApi;
  let user: TestApi;
  let other: TestApi;

  beforeAll(async () => {
    box = await createTestApp();
    admin = await apiOf(box);
    for (const who of [USER, OTHER]) await admin.call('POST', '/users', who);
    user = await apiOf(box, USER);
    other = await apiOf(box, OTHER);
  });
  afterAll(() => box[Symbol.asyncDispose]());

  const send = (path: string, init: RequestInit = {}) => fetch(`${box.url}${path}`, { redirect: 'manual', ...init });
  const emails = async () => (await admin.call('GET', '/users?limit=500')).body.map(({ email }: { email: string }) => email);

  /** Text as it is, in pieces and without a length, as another kind of client may send it. */
  function sendInPieces(path: string, type: string, text: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const sent = request(box.url + path, { method: 'POST', headers: { authorization: `Bearer ${admin.token}`, 'content-type': type } }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sent.on('error', reject);
      sent.write(text.slice(0, 5));
      sent.end(text.slice(5));
    });
  }

  it('takes a token from the Authorization header alone', async () => {
    const { token } = admin;
    for (const [path, headers] of [
      [`/api/v0/users?access_token=${token}`, {}],
      [`/api/v0/users?token=${token}`, {}],
      ['/api/v0/users', { cookie: `token=${token}; authorization=Bearer ${token}` }],
      ['/api/v0/users', { 'x-api-key': token }],
      ['/api/v0/users', { 'x-authorization': `Bearer ${token}` }],
      ['/api/v0/users', { authorization: `Basic ${Buffer.from(`${token}:`).toString('base64')}` }],
      ['/api/v0/users', { authorization: `Bearer ${token} ${token}` }],
      ['/api/v0/users', { authorization: `Bearer ${token.slice(0, -1)}` }],
    ] as const)
      expect([path, headers, (await send(path, { headers })).status]).toEqual([path, headers, 401]);
  });

  it('is not reached with a browser’s cookies by spelling its path otherwise', async () => {
    const browser = await box.signedIn();
    for (const path of ['/API/v0/users', '/Api/V0/users', '/api/V0/users', '/%61pi/v0/users', '//api/v0/users', '/api/docs/../v0/users', '/V0/users'])
      expect([path, (await browser.get(path)).status]).toEqual([path, expect.toSatisfy((status: number) => status === 404 || status === 401)]);
    expect((await browser.post('/API/v0/users', { email: 'cookie@example.com' })).status).toBe(404);
  });

  it('lets no other site’s script use it: no CORS, no method by another name', async () => {
    const preflight = await send('/api/v0/users', { method: 'OPTIONS', headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' } });
    const plain = await send('/api/v0/users', { headers: { origin: 'https://evil.example', authorization: `Bearer ${admin.token}` } });
    for (const answer of [preflight, plain]) expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect(preflight.ok).toBe(false);
    const before = await emails();
    for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override'])
      await admin.call('POST', '/users', { email: 'nonsense' }, { [name]: 'DELETE' });
    expect((await admin.call('GET', '/users?_method=DELETE')).status).toBe(422);
    expect(await emails()).toEqual(before);
  });

  it('refuses bodies that are huge, deep, not JSON, or say that they are not', async () => {
    const before = await emails();
    const json = JSON.stringify({ email: 'confused@example.com' });
    for (const [type, text, status] of [
      ['application/json', `{"email":"${'a'.repeat(2_000_000)}"}`, 413],
      ['application/json', '['.repeat(500_000), 422],
      ['application/json', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, 422],
      ['application/json', `{"email":${'['.repeat(200_000)}${']'.repeat(200_000)}}`, 422],
      ['application/json', `${json}{}`, 422],
      ['application/json', 'null', 422],
      ['application/json', `[${json}]`, 422],
      ['application/json; charset=utf-16', Buffer.from(json, 'utf16le').toString('latin1'), 422],
      ['text/plain', json, 422],
      ['text/json', json, 422],
      ['application/x-www-form-urlencoded', 'email=confused%40example.com', 422],
      ['multipart/form-data; boundary=x', `--x\r\nContent-Disposition: form-data; name="email"\r\n\r\nconfused@example.com\r\n--x--`, 422],
    ] as const) {
      const headers = { authorization: `Bearer ${admin.token}`, 'content-type': type, 'idempotency-key': 'attack' };
      const what = [type, text.slice(0, 30)];
      expect([...what, (await send('/api/v0/users', { method: 'POST', headers, body: text })).status]).toEqual([...what, status]);
      if (status !== 413) expect([...what, await sendInPieces('/api/v0/users', type, text)]).toEqual([...what, status]);
    }
    expect(await emails()).toEqual(before);
  });

  it('keeps prototypes as they are, and refuses fields twice or by other names', async () => {
    for (const body of [
      '{"email":"p@example.com","__proto__":{"role":"admin"}}',
      '{"email":"p@example.com","constructor":{"prototype":{"role":"admin"}}}',
      '{"__proto__":null}',
      '{"email":"p@example.com","toString":1}',
      '{"name":"d","publicKey":"hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="}',
      '{"name":"d","use_default_mtu":false,"useDefaultMtu":true}',
    ]) {
      const path = body.includes('email') ? '/api/v0/users' : '/api/v0/devices';
      const headers = { authorization: `Bearer ${admin.token}`, 'content-type': 'application/json' };
      expect([body, (await send(path, { method: 'POST', headers, body })).status]).toEqual([body, 422]);
    }
    expect(({} as Record<string, unknown>)['role']).toBeUndefined();
    expect((await admin.call('GET', '/devices?limit=1&limit=500')).status).toBe(422);
    expect((await admin.call('GET', '/devices?userId=x')).status).toBe(422);
    expect((await admin.call('GET', '/devices?user_id[$ne]=x')).status).toBe(422);
  });

  it('shows with whatever cursor nothing of others', async () => {
    for (const name of ['A', 'B', 'C']) await admin.call('POST', '/devices', { name: `Secret ${name}` });
    await user.call('POST', '/devices', { name: 'Own' });
    const link = (await admin.call('GET', '/devices?limit=1')).headers.get('link') ?? '';
    const stolen = /cursor=([^&>]+)/.exec(link)?.[1] ?? '';
    const crafted = [[''], ['', ''], ['', null], [null, null], [-1e308, 'x'], ["' OR 1=1 --", 'x'], ['\0', '\u{d800}'], ['a'.repeat(1_000), 'x']];
    for (const cursor of [stolen, ...crafted.map((key) => Buffer.from(JSON.stringify(key)).toString('base64url'))]) {
      const answer = await user.call('GET', `/devices?cursor=${cursor}`);
      expect([cursor, answer.status === 200 || answer.status === 422]).toEqual([cursor, true]);
      expect(JSON.stringify(answer.body)).not.toContain('Secret');
    }
  });

  it('does to all of them nothing that was meant for one whose id is empty', async () => {
    const before = await emails();
    for (const path of ['/notifications/', '/account/sessions/', '/users/', '/devices/?limit=1'])
      expect([path, (await admin.call('DELETE', path)).status, (await admin.call('GET', path)).status]).toEqual([path, 404, 404]);
    expect((await admin.call('GET', '/account/sessions')).body.length).toBeGreaterThan(0);
    expect(await emails()).toEqual(before);
  });

  it('keeps the idempotency keys of two users apart', async () => {
    const make = (api: TestApi, name: string) => api.call('POST', '/devices', { name }, { 'idempotency-key': 'the same' });
    const [mine, theirs] = [await make(user, 'Keyed'), await make(other, 'Keyed')];
    expect([mine.status, theirs.status]).toEqual([201, 201]);
    expect(theirs.body.id).not.toBe(mine.body.id);
    // By tokens of one user it is one key.
    expect((await make(await apiOf(box, USER), 'Keyed')).status).toBe(409);
  });

  it('overwrites nothing that somebody else writes at the same moment, through whatever door', async () => {
    const { id } = (await admin.call('POST', '/devices', { name: 'Raced' })).body;
    const me = (await admin.call('GET', '/account')).body;
    const atPage = { userId: me.id, name: me.email, role: 'admin', via: 'page', ip: null } as const;
    for (let round = 0; round < 25; round += 1) {
      const tag = (await admin.call('GET', `/devices/${id}`)).headers.get('etag') ?? '';
      const yours = { description: `yours ${round}` };
      const [mine] = await Promise.all([
        admin.call('PATCH', `/devices/${id}`, { description: `mine ${round}` }, { 'if-match': tag }),
        round % 2 === 0 ? admin.call('PATCH', `/devices/${id}`, yours) : turnsLater(round).then(() => box.app.devices.update(atPage, id, yours)),
      ]);
      // Either mine came first, and yours after it; or mine was refused.
      expect([200, 412]).toContain(mine.status);
      expect((await admin.call('GET', `/devices/${id}`)).body.description).toBe(`yours ${round}`);
    }
  });

  /** So many turns of the event loop: each round meets the other request at another point. */
  async function turnsLater(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
  }

  it('says in every answer to somebody how much is left, also in refusals', async () => {
    const { id } = (await user.call('POST', '/devices', { name: 'Counted' })).body;
    const tag = (await user.call('GET', `/devices/${id}`)).headers.get('etag') ?? '';
    const answers = [
      await user.call('GET', '/users'),
      await user.call('GET', '/devices/nothing'),
      await user.call('GET', '/nothing'),
      await user.call('POST', '/devices', { name: '' }),
      await user.call('GET', `/devices/${id}`, undefined, { 'if-none-match': tag }),
      await user.call('DELETE', `/devices/${id}`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([403, 404, 404, 422, 304, 204]);
    const left = answers.map(({ headers }) => Number(/r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]));
    expect(left).toEqual(left.map((_, index) => (left[0] ?? 0) - index));
    expect((await send('/api/v0/users')).headers.get('ratelimit')).toBeNull();
  });
});
