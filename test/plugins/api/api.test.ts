import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiOf } from '../../support/api.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';

const USER = { email: 'user@example.com', password: 'the password of a user' };

describe('the REST API', () => {
  let box: TestApp;
  let admin: string;
  let user: string;

  beforeAll(async () => {
    box = await createTestApp();
    const browser = await box.signedIn();
    await browser.post('/admin/users', { ...USER, role: 'unprivileged' });
    admin = (await apiOf(box)).token;
    user = (await apiOf(box, USER)).token;
  });
  afterAll(() => box[Symbol.asyncDispose]());

  async function call(method: string, path: string, { token = admin, body }: { token?: string; body?: unknown } = {}) {
    const headers = { ...(token ? { authorization: `Bearer ${token}` } : {}), ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    const response = await fetch(`${box.url}/api/v0${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
  }

  it('creates, lists, changes and deletes a device, with its configuration once', async () => {
    const created = await call('POST', '/devices', { body: { name: 'Sensor', use_default_mtu: false, mtu: 1400 } });
    expect(created.status).toBe(201);
    expect(created.body.configuration).toMatch(
      /^\[Interface\]\nPrivateKey = [A-Za-z0-9+/]{43}=\nAddress = 10\.3\.2\.\d+\/32, fd00::3:2:[0-9a-f]+\/128\nMTU = 1400\n/,
    );
    const path = `/devices/${created.body.id}`;
    expect((await call('GET', path)).body).toMatchObject({ name: 'Sensor', mtu: 1400, status: 'entitled' });
    expect(JSON.stringify((await call('GET', path)).body)).not.toMatch(/private|preshared/i);
    expect((await call('PATCH', path, { body: { description: 'in the attic' } })).body.description).toBe('in the attic');
    const listed = await call('GET', '/devices?q=Sens&limit=1');
    expect([listed.headers.get('x-total-count'), listed.body.length]).toEqual(['1', 1]);
    expect((await call('DELETE', path)).status).toBe(204);
    expect((await call('GET', path)).status).toBe(404);
  });

  it('answers problems with a document that names each field', async () => {
    const answer = await call('POST', '/devices', { body: { name: '', use_default_mtu: false, public_key: 'nonsense', colour: 'red' } });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([422, 'application/problem+json']);
    expect(Object.keys(answer.body.errors).sort()).toEqual(['colour', 'name', 'public_key']);
  });

  it('takes no cookies, wherever they come from', async () => {
    const browser = await box.signedIn();
    expect((await browser.get('/api/v0/devices')).status).toBe(401);
    expect((await browser.post('/api/v0/users', {})).status).toBe(401);
  });

  it('does for a token what it would do for its owner, and no more', async () => {
    const own = await call('POST', '/devices', { token: user, body: { name: 'Mine' } });
    const foreign = await call('POST', '/devices', { body: { name: 'Not yours' } });
    expect((await call('GET', '/devices', { token: user })).body.map(({ name }: { name: string }) => name)).toEqual(['Mine']);
    for (const method of ['GET', 'PATCH', 'DELETE'])
      expect((await call(method, `/devices/${foreign.body.id}`, { token: user, ...(method === 'PATCH' ? { body: {} } : {}) })).status).toBe(404);
    for (const path of ['/users', '/configuration/network']) expect((await call('GET', path, { token: user })).status).toBe(403);
    expect((await call('PATCH', `/devices/${own.body.id}`, { token: user, body: { allowed_subnets: ['10.0.0.0/8'] } })).body.errors).toHaveProperty(
      'allowed_subnets',
    );
  });

  it('refuses unknown, expired and revoked tokens, and those of disabled users', async () => {
    expect((await call('GET', '/devices', { token: '' })).status).toBe(401);
    expect((await call('GET', '/devices', { token: 'wg_guess' })).status).toBe(401);
    const brief = (await apiOf(box, USER, '1')).token;
    box.clock.advance(86_400_001);
    expect((await call('GET', '/devices', { token: brief })).status).toBe(401);
    const [{ id }] = (await call('GET', '/users?q=user@')).body;
    await call('POST', `/users/${id}/disable`);
    expect((await call('GET', '/devices', { token: user })).status).toBe(401);
    await call('POST', `/users/${id}/enable`);
    expect((await call('GET', '/devices', { token: user })).status).toBe(200);
    const browser = await box.signedIn(USER);
    const revocations = [...(await browser.get('/account')).text.matchAll(/\/account\/tokens\/[0-9a-f-]{36}\/revoke/g)].map(([path]) => path);
    for (const path of new Set(revocations)) expect((await browser.post(path)).status).toBe(303);
    expect((await call('GET', '/devices', { token: user })).status).toBe(401);
  });

  it('lets nobody revoke the token of another', async () => {
    const [path = ''] = /\/account\/tokens\/[0-9a-f-]{36}\/revoke/.exec((await (await box.signedIn()).get('/account')).text) ?? [];
    expect((await (await box.signedIn(USER)).post(path)).status).toBe(404);
  });

  it('keeps no token, only its hash', async () => {
    const rows = box.app.db.writer.prepare('SELECT * FROM api_tokens').raw().all();
    expect(JSON.stringify(rows)).not.toContain(admin);
  });

  it('changes settings field by field', async () => {
    expect((await call('PATCH', '/configuration/security', { body: { vpn_session_duration: 3600 } })).body).toMatchObject({
      vpn_session_duration: 3600,
      allow_self_service: true,
    });
    expect((await call('PATCH', '/configuration/security', { body: { vpn_session_duration: -1 } })).body.errors).toEqual({
      vpn_session_duration: ['must be a whole number from 0 to 2147483647'],
    });
    await call('PATCH', '/configuration/security', { body: { vpn_session_duration: 0 } });
  });

  it('refuses a network that leaves devices with addresses outside it', async () => {
    const answer = await call('PATCH', '/configuration/network', { body: { ipv4_network: '10.99.0.0/24' } });
    expect(answer.status).toBe(422);
    expect(answer.body.errors.ipv4_network[0]).toContain('outside 10.99.0.0/24');
  });
});
