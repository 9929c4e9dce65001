import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiOf, type TestApi } from '../../support/api.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';

const KEY = 'JZEXAMPLEJZEXAMPLEJZEXAMPLEJZEXAMPLEJZEXAA0=';

describe('the REST API', () => {
  let box: TestApp;
  let api: TestApi;

  beforeAll(async () => {
    box = await createTestApp();
    api = await apiOf(box);
  });
  afterAll(() => box[Symbol.asyncDispose]());

  const rules = async () => (await api.call('GET', '/rules?limit=500')).body as { comment: string }[];

  describe('pages lists by cursors', () => {
    beforeAll(async () => {
      for (const number of [3, 1, 2, 5, 4]) await api.call('POST', '/users', { email: `page${number}@example.com` });
      await api.call('PATCH', `/users/${(await api.call('GET', '/users?q=page3')).body[0].id}`, { password: 'a password long enough' });
    });

    async function walk(path: string, between: () => Promise<unknown> = async () => {}): Promise<string[]> {
      const seen: string[] = [];
      let next: string | null = path;
      while (next !== null) {
        const answer: Awaited<ReturnType<TestApi['call']>> = await api.call('GET', next);
        seen.push(...answer.body.map(({ email }: { email: string }) => email));
        next = /^<\/api\/v0([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1] ?? null;
        await between();
      }
      return seen;
    }

    it.each(['email', '-email', 'lastSignedInAt', '-lastSignedInAt', 'createdAt', '-role'])('sorted by %s, each item once', async (sort) => {
      const whole = (await api.call('GET', `/users?limit=500&sort=${sort}`)).body.map(({ email }: { email: string }) => email);
      expect(await walk(`/users?limit=2&sort=${sort}`)).toEqual(whole);
      expect(whole).toHaveLength(6);
    });

    it('so that nothing is skipped or doubled when something before it goes', async () => {
      let removed = 0;
      const seen = await walk('/users?limit=2&q=page', async () => {
        if (removed++ === 0) await api.call('DELETE', `/users/${(await api.call('GET', '/users?q=page1')).body[0].id}`);
      });
      expect(seen).toEqual(['page1@example.com', 'page2@example.com', 'page3@example.com', 'page4@example.com', 'page5@example.com']);
    });

    it('and refuses what is none', async () => {
      for (const cursor of ['x', 'W10', 'bnVsbA', Buffer.from('["a",{}]').toString('base64url')])
        expect((await api.call('GET', `/users?cursor=${cursor}`)).body.errors, cursor).toEqual({ cursor: ['is not the cursor of such a list'] });
    });
  });

  it('refuses fields, parameters and bodies it does not know', async () => {
    expect((await api.call('GET', '/users?colour=red')).body.errors).toEqual({ colour: ['is not known here'] });
    expect((await api.call('GET', '/users?limit=1&limit=2')).body.errors).toEqual({ limit: ['must be given once'] });
    expect((await api.call('GET', '/users?limit=501')).status).toBe(422);
    expect((await api.call('POST', '/users', [])).body.errors).toEqual({ '': ['must be a JSON object'] });
    expect((await api.call('POST', '/rules', 5)).body.errors).toEqual({ '': ['must be a JSON object'] });
    const { id } = (await api.call('GET', '/users')).body[0];
    expect((await api.call('POST', `/users/${id}/enable`, { why: 'because' })).status).toBe(422);
    const form = await fetch(`${box.url}/api/v0/users`, {
      method: 'POST',
      headers: { authorization: `Bearer ${api.token}` },
      body: new URLSearchParams({ email: 'form@example.com' }),
    });
    expect(form.status).toBe(422);
  });

  describe('keeps two administrators from overwriting each other', () => {
    it('with entity tags', async () => {
      const { body: device } = await api.call('POST', '/devices', { name: 'Shared' });
      const path = `/devices/${device.id}`;
      const tag = (await api.call('GET', path)).headers.get('etag') ?? '';
      expect((await api.call('GET', path, undefined, { 'if-none-match': tag })).status).toBe(304);
      expect((await api.call('PATCH', path, { description: 'mine' }, { 'if-match': tag })).status).toBe(200);
      expect((await api.call('PATCH', path, { description: 'yours' }, { 'if-match': tag })).status).toBe(412);
      expect((await api.call('DELETE', path, undefined, { 'if-match': tag })).status).toBe(412);
      expect((await api.call('GET', path)).body.description).toBe('mine');
      expect((await api.call('DELETE', path, undefined, { 'if-match': `"other", ${(await api.call('GET', path)).headers.get('etag')}` })).status).toBe(204);
    });

    it('also when both come at once', async () => {
      const { body: rule } = await api.call('POST', '/rules', { action: 'drop', comment: 'before' });
      const tag = (await api.call('GET', `/rules/${rule.id}`)).headers.get('etag') ?? '';
      const answers = await Promise.all(['a', 'b', 'c', 'd'].map((comment) => api.call('PATCH', `/rules/${rule.id}`, { comment }, { 'if-match': tag })));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412]);
      await api.call('DELETE', `/rules/${rule.id}`);
    });
  });

  describe('carries a request with an Idempotency-Key out once', () => {
    it('and answers the second as the first', async () => {
      const send = () => api.call('POST', '/rules', { action: 'drop', comment: 'once' }, { 'idempotency-key': 'k1' });
      const [first, second] = [await send(), await send()];
      expect([first.status, second.status, second.body]).toEqual([201, 201, first.body]);
      expect([first.headers.get('idempotency-replayed'), second.headers.get('idempotency-replayed')]).toEqual([null, 'true']);
      expect((await rules()).filter(({ comment }) => comment === 'once')).toHaveLength(1);
      expect((await api.call('POST', '/rules', { action: 'accept' }, { 'idempotency-key': 'k1' })).status).toBe(422);
      box.clock.advance(25 * 3_600_000);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect((await send()).body.id).not.toBe(first.body.id);
    });

    it('when both come at once, too, and the second is told', async () => {
      const answers = await Promise.all([1, 2, 3].map(() => api.call('POST', '/rules', { action: 'drop', comment: 'race' }, { 'idempotency-key': 'k2' })));
      expect(new Set(answers.filter(({ status }) => status !== 409).map(({ body }) => body.id)).size).toBe(1);
      expect((await rules()).filter(({ comment }) => comment === 'race')).toHaveLength(1);
    });

    it('keeps no secret for that, and lets what was refused be tried again', async () => {
      const send = () => api.call('POST', '/devices', { name: 'Keyed' }, { 'idempotency-key': 'k3' });
      expect((await send()).body.configuration).toContain('PrivateKey');
      expect((await send()).status).toBe(409);
      expect((await api.call('GET', '/devices?q=Keyed')).body).toHaveLength(1);
      const refused = () => api.call('POST', '/users', { email: 'nonsense' }, { 'idempotency-key': 'k4' });
      expect([(await refused()).status, (await refused()).status]).toEqual([422, 422]);
      expect((await api.call('POST', '/users', { email: 'sense@example.com' }, { 'idempotency-key': 'k4' })).status).toBe(201);
    });
  });

  it('counts requests by user and says how many are left', async () => {
    const before = await api.call('GET', '/account');
    expect(before.headers.get('ratelimit-policy')).toBe('"default";q=1200;w=60');
    expect(before.headers.get('ratelimit')).toMatch(/^"default";r=\d+;t=\d+$/);
    await api.call('PATCH', '/configuration/api', { requests_per_minute: 3 });
    box.clock.advance(60_000);
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => api.call('GET', '/account')));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 429, 429]);
    expect(answers.find(({ status }) => status === 429)?.headers.get('retry-after')).toMatch(/^\d+$/);
    box.clock.advance(60_000);
    expect((await api.call('PATCH', '/configuration/api', { requests_per_minute: 1_200 })).status).toBe(200);
  });

  it('hands out configurations: whole where it made the key, with a slot where it did not, and as pictures for who knows the key', async () => {
    const whole = (await api.call('POST', '/devices', { name: 'Whole' })).body;
    const slotted = (await api.call('POST', '/devices', { name: 'Slotted', public_key: KEY })).body;
    expect(whole.configuration).toMatch(/^\[Interface\]\nPrivateKey = [A-Za-z0-9+/]{43}=\n/);
    expect(slotted.configuration).toMatch(/^\[Interface\]\nPrivateKey = \{\{private-key\}\}\n/);
    const get = (path: string, init: RequestInit = {}) =>
      fetch(`${box.url}/api/v0/devices/${whole.id}${path}`, { ...init, headers: { authorization: `Bearer ${api.token}`, 'content-type': 'application/json' } });
    const config = await get('/config');
    expect([config.headers.get('content-type'), (await config.text()).split('\n')[1]]).toEqual(['text/plain; charset=utf-8', 'PrivateKey = {{private-key}}']);
    const body = JSON.stringify({ private_key: /PrivateKey = (\S+)/.exec(whole.configuration)?.[1] });
    expect(await (await get('/config.svg', { method: 'POST', body })).text()).toContain('<svg');
    expect(
      Buffer.from(await (await get('/config.png', { method: 'POST', body })).arrayBuffer())
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG');
  });

  it('gives notifications, the audit log, plugins, diagnostics, changes to confirm and a backup', async () => {
    expect((await api.call('GET', '/notifications')).status).toBe(200);
    expect((await api.call('GET', '/audit?limit=1')).body[0]).toMatchObject({ via: expect.any(String), action: expect.any(String) });
    expect((await api.call('GET', '/plugins')).body.map(({ id }: { id: string }) => id)).toContain('firewall');
    expect((await api.call('POST', '/plugins/firewall/disable')).body.state).toBe('off');
    expect((await api.call('GET', '/rules')).status).toBe(404);
    expect((await api.call('POST', '/plugins/firewall/enable')).body.state).toBe('running');
    expect((await api.call('GET', '/diagnostics')).body).toMatchObject({ state: 'off', peers: [] });
    expect((await api.call('GET', '/changes')).body).toEqual([]);
    const backup = await fetch(`${box.url}/api/v0/backup`, { headers: { authorization: `Bearer ${api.token}` } });
    expect([
      backup.status,
      Buffer.from(await backup.arrayBuffer())
        .subarray(0, 2)
        .toString('hex'),
    ]).toEqual([200, '1f8b']);
  });
});
