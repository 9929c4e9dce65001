import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiOf } from '../../support/api.ts';
import { ADMIN, createTestApp, type TestApp } from '../../support/app.ts';

const USER = { email: 'user@example.com', password: 'the password of a user' };
const KEY = 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=';
const ID = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
const MOMENT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
const NO_ID = '00000000-0000-4000-8000-000000000000';

describe('Firezone 0.7’s API', () => {
  let box: TestApp;
  let admin: string;
  let user: string;

  beforeAll(async () => {
    box = await createTestApp();
    const api = await apiOf(box);
    admin = api.token;
    await api.call('POST', '/users', USER);
    user = (await apiOf(box, USER)).token;
  });
  afterAll(() => box[Symbol.asyncDispose]());

  async function call(method: string, path: string, body?: unknown, token = admin) {
    const headers = { ...(token ? { authorization: `bearer ${token}` } : {}), ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    const response = await fetch(`${box.url}/v0${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await response.text();
    return { status: response.status, location: response.headers.get('location'), body: text === '' ? '' : JSON.parse(text) };
  }

  const userShape = (email: string, role: string) => ({
    id: ID,
    role,
    email,
    last_signed_in_at: null,
    last_signed_in_method: null,
    disabled_at: null,
    inserted_at: MOMENT,
    updated_at: MOMENT,
  });

  it('creates, reads, changes and deletes users by id and by email', async () => {
    const created = await call('POST', '/users', {
      user: { email: 'new@example.com', role: 'admin', password: 'password of twelve', password_confirmation: 'password of twelve' },
    });
    expect(created).toEqual({ status: 201, location: `/v0/users/${created.body.data.id}`, body: { data: userShape('new@example.com', 'admin') } });
    const { id } = created.body.data;
    for (const name of [id, 'new@example.com', 'NEW@example.com'])
      expect(await call('GET', `/users/${name}`)).toMatchObject({ status: 200, body: created.body });
    for (const [method, email] of [
      ['PUT', 'put@example.com'],
      ['PATCH', 'patch@example.com'],
    ] as const)
      expect(await call(method, `/users/${id}`, { user: { email } })).toMatchObject({ status: 200, body: { data: userShape(email, 'admin') } });
    const all = await call('GET', '/users');
    expect(all.body.data.map(({ email }: { email: string }) => email).sort()).toEqual([ADMIN.email, 'patch@example.com', USER.email]);
    expect(await call('DELETE', '/users/patch@example.com')).toEqual({ status: 204, location: null, body: '' });
    expect(await call('GET', `/users/${id}`)).toMatchObject({ status: 404, body: { error: 'not_found' } });
  });

  it('creates, reads, renames and deletes devices, with the values in force', async () => {
    const owner = (await call('GET', `/users/${USER.email}`)).body.data.id;
    const created = await call('POST', '/devices', { device: { user_id: owner, public_key: KEY, name: 'laptop', use_default_mtu: false, mtu: 1400 } });
    const shape = {
      id: ID,
      user_id: owner,
      name: 'laptop',
      description: '',
      public_key: KEY,
      preshared_key: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/),
      server_public_key: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/),
      use_default_allowed_ips: true,
      use_default_dns: true,
      use_default_endpoint: true,
      use_default_mtu: false,
      use_default_persistent_keepalive: true,
      allowed_ips: ['0.0.0.0/0', '::/0'],
      dns: ['1.1.1.1', '1.0.0.1'],
      endpoint: 'localhost:51820',
      mtu: 1400,
      persistent_keepalive: 25,
      ipv4: expect.stringMatching(/^10\.3\.2\.\d+$/),
      ipv6: expect.stringMatching(/^fd00::3:2:[0-9a-f]+$/),
      remote_ip: null,
      rx_bytes: 0,
      tx_bytes: 0,
      latest_handshake: null,
      inserted_at: MOMENT,
      updated_at: MOMENT,
    };
    const { id } = created.body.data;
    expect(created).toEqual({ status: 201, location: `/v0/devices/${id}`, body: { data: shape } });
    expect(await call('GET', `/devices/${id}`)).toMatchObject({ status: 200, body: { data: shape } });
    expect(await call('GET', '/devices', undefined, user)).toMatchObject({ status: 200, body: { data: [shape] } });
    for (const [method, name] of [
      ['PUT', 'put'],
      ['PATCH', 'patched'],
    ] as const)
      expect(await call(method, `/devices/${id}`, { device: { name, description: 'd', mtu: 900 } })).toMatchObject({
        status: 200,
        body: { data: { ...shape, name, description: 'd' } },
      });
    expect(await call('DELETE', `/devices/${id}`)).toEqual({ status: 204, location: null, body: '' });
  });

  it('creates, reads, changes and deletes rules, in Firezone’s order', async () => {
    const make = async (rule: object) => (await call('POST', '/rules', { rule: { destination: '10.0.0.0/8', ...rule } })).body.data;
    const drop = await make({});
    const accept = await make({ action: 'accept' });
    const created = await call('POST', '/rules', { rule: { action: 'accept', destination: '10.0.0.1', port_type: 'tcp', port_range: '1-65535' } });
    const shape = {
      id: ID,
      destination: '10.0.0.1',
      action: 'accept',
      port_type: 'tcp',
      port_range: '1 - 65535',
      user_id: null,
      inserted_at: MOMENT,
      updated_at: MOMENT,
    };
    const { id } = created.body.data;
    expect(created).toEqual({ status: 201, location: `/v0/rules/${id}`, body: { data: shape } });
    expect(drop).toMatchObject({ action: 'drop', port_type: null, port_range: null });
    expect((await call('GET', '/rules')).body.data.map((rule: { id: string }) => rule.id)).toEqual([id, accept.id, drop.id]);
    expect(await call('PATCH', `/rules/${id}`, { rule: { port_range: '80' } })).toMatchObject({ status: 200, body: { data: { ...shape, port_range: '80' } } });
    expect(await call('PUT', `/rules/${id}`, { rule: { port_type: null, port_range: null, action: 'drop' } })).toMatchObject({
      status: 200,
      body: { data: { port_type: null, port_range: null, action: 'drop' } },
    });
    expect((await call('GET', '/rules')).body.data.map((rule: { id: string }) => rule.id)[0]).toBe(accept.id);
    expect((await call('GET', `/rules/${id}`)).body.data.action).toBe('drop');
    expect(await call('DELETE', `/rules/${id}`)).toEqual({ status: 204, location: null, body: '' });
  });

  it('reads and changes the configuration, all of it or nothing', async () => {
    const before = await call('GET', '/configuration');
    expect(before).toEqual({
      status: 200,
      location: null,
      body: {
        data: {
          local_auth_enabled: true,
          disable_vpn_on_oidc_error: false,
          logo: null,
          openid_connect_providers: [],
          saml_identity_providers: [],
          allow_unprivileged_device_management: true,
          allow_unprivileged_device_configuration: true,
          vpn_session_duration: 0,
          default_client_persistent_keepalive: 25,
          default_client_mtu: 1280,
          default_client_endpoint: 'localhost:51820',
          default_client_dns: ['1.1.1.1', '1.0.0.1'],
          default_client_allowed_ips: ['0.0.0.0/0', '::/0'],
        },
      },
    });
    // What was read may be sent back as it is.
    expect(await call('PUT', '/configuration', { configuration: before.body.data })).toEqual(before);
    const half = await call('PATCH', '/configuration', { configuration: { vpn_session_duration: 60, default_client_mtu: 10 } });
    expect([half.status, Object.keys(half.body.errors)]).toEqual([422, ['default_client_mtu']]);
    expect((await call('GET', '/configuration')).body).toEqual(before.body);
    // No other way in has been used: the box does not lock its owner out.
    const locked = await call('PATCH', '/configuration', { configuration: { local_auth_enabled: false, default_client_mtu: 1300 } });
    expect([locked.status, Object.keys(locked.body.errors)]).toEqual([422, ['local_auth_enabled']]);
    const provider = await call('PATCH', '/configuration', { configuration: { openid_connect_providers: [{ id: 'x' }], default_client_mtu: 1300 } });
    expect([provider.status, Object.keys(provider.body.errors)]).toEqual([422, ['openid_connect_providers']]);
    expect((await call('GET', '/configuration')).body).toEqual(before.body);
    for (const [method, mtu] of [
      ['PUT', 1300],
      ['PATCH', 1280],
    ] as const)
      expect((await call(method, '/configuration', { configuration: { default_client_mtu: mtu } })).body.data.default_client_mtu).toBe(mtu);
  });

  it('answers errors in Firezone’s shapes', async () => {
    const unauthorized = { status: 401, body: { error: 'Unauthorized' } };
    expect(await call('GET', '/users', undefined, '')).toMatchObject({ status: 401, body: { errors: { auth: 'unauthenticated' } } });
    expect(await call('GET', '/users', undefined, 'nonsense')).toMatchObject({ status: 401, body: { errors: { auth: 'invalid_token' } } });
    for (const path of ['/users', '/rules', '/configuration']) expect(await call('GET', path, undefined, user)).toMatchObject(unauthorized);
    for (const [method, path, body] of [
      ['POST', '/users', { user: { email: 'nonsense' } }],
      ['POST', '/rules', { rule: {} }],
      ['PATCH', '/configuration', { configuration: { default_client_mtu: 1 } }],
      ['PUT', '/configuration', { configuration: {} }],
      ['GET', `/users/${NO_ID}`, undefined],
      ['PATCH', `/users/${NO_ID}`, { user: {} }],
      ['DELETE', `/users/${NO_ID}`, undefined],
      ['GET', `/rules/${NO_ID}`, undefined],
      ['PUT', `/rules/${NO_ID}`, { rule: {} }],
      ['DELETE', `/rules/${NO_ID}`, undefined],
    ] as const)
      expect([method, path, await call(method, path, body, user)]).toEqual([method, path, { location: null, ...unauthorized }]);
    for (const resource of ['users', 'devices', 'rules'])
      for (const id of [NO_ID, 'not-an-id', '..%2fusers', 'nobody@example.com', '%00@example.com', `${'a'.repeat(300)}@example.com`])
        for (const method of ['GET', 'PUT', 'PATCH', 'DELETE'])
          expect(await call(method, `/${resource}/${id}`, method === 'GET' || method === 'DELETE' ? undefined : { [resource.slice(0, -1)]: {} })).toMatchObject(
            {
              status: 404,
              body: { error: 'not_found' },
            },
          );
    for (const [path, body] of [
      ['/users', {}],
      ['/devices', { device: 'x' }],
      ['/rules', { user: {} }],
    ] as const)
      expect((await call('POST', path, body)).status).toBe(400);
    for (const method of ['PUT', 'PATCH']) expect((await call(method, '/configuration', {})).status).toBe(400);
    const problems = async (path: string, body: unknown) => {
      const answer = await call('POST', path, body);
      return [answer.status, Object.keys(answer.body.errors).sort()];
    };
    expect(await problems('/users', { user: { email: 'x', password: 'short' } })).toEqual([422, ['email', 'password']]);
    expect(await problems('/users', { user: { email: 'a@example.com', password: 'password of twelve', password_confirmation: 'other' } })).toEqual([
      422,
      ['password_confirmation'],
    ]);
    expect(await problems('/devices', { device: { mtu: 1300, ipv4: '10.3.2.9', use_default_endpoint: false } })).toEqual([
      422,
      ['endpoint', 'ipv4', 'mtu', 'public_key', 'user_id'],
    ]);
    expect(await problems('/rules', { rule: {} })).toEqual([422, ['destination']]);
    expect(await problems('/rules', { rule: { destination: '10.0.0.1', port_type: 'tcp' } })).toEqual([422, ['port_type']]);
    expect(await problems('/rules', { rule: { destination: '10.0.0.1', port_type: 'tcp', port_range: '0-70000' } })).toEqual([422, ['port_range']]);
    expect(await call('DELETE', `/users/${ADMIN.email}`)).toMatchObject({ status: 422, body: { errors: { base: [expect.stringContaining('last')] } } });
  });

  it('refuses the tokens of disabled users', async () => {
    const { id } = (await call('GET', `/users/${USER.email}`)).body.data;
    const headers = { authorization: `Bearer ${admin}` };
    await fetch(`${box.url}/api/v0/users/${id}/disable`, { method: 'POST', headers });
    expect((await call('GET', '/devices', undefined, user)).status).toBe(401);
    expect((await call('GET', `/users/${id}`)).body.data.disabled_at).toEqual(MOMENT);
    await fetch(`${box.url}/api/v0/users/${id}/enable`, { method: 'POST', headers });
    expect((await call('GET', '/devices', undefined, user)).status).toBe(200);
  });
});
