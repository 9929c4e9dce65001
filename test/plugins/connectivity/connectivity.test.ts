import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiOf, type TestApi } from '../../support/api.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';

const HALF_A_DAY = 43_200_000;

describe('connectivity', () => {
  let box: TestApp;
  let api: TestApi;
  let server: Server;
  let url: string;
  let requests: number;
  let status: number;
  const HOSTILE = '<script>alert(1)</script>\0"';

  beforeEach(async () => {
    box = await createTestApp();
    api = await apiOf(box);
    requests = 0;
    status = 200;
    server = createServer((_request, response) => {
      requests += 1;
      response.writeHead(status, { 'x-hostile': '"><img src=x>' }).end(HOSTILE);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await box[Symbol.asyncDispose]();
  });

  const set = (change: object) => api.call('PATCH', '/configuration/connectivity', change);
  const checks = async () => (await api.call('GET', '/connectivity/checks')).body;
  const notifications = async () =>
    (await api.call('GET', '/notifications')).body
      .filter(({ about }: { about: string }) => about === 'connectivity')
      .map(({ message }: { message: string }) => message);

  /** Lets time pass until the job has looked whether a check is due. */
  async function pass(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = box.app.events.on('job.ran', ({ id }) => (id === 'connectivity:check' ? resolve() : undefined));
    box.clock.advance(ms);
    await promise;
    stop();
  }

  it('checks nothing until an address is set', async () => {
    await pass(HALF_A_DAY);
    expect(await checks()).toEqual([]);
    expect((await api.call('POST', '/connectivity/checks')).status).toBe(409);
    expect((await (await box.signedIn()).get('/admin/diagnostics')).text).toContain('No address is set');
  });

  it('fetches the address within seconds after it is set, and then at the interval', async () => {
    await set({ url, may_reach_this_box: true });
    await pass(10_000);
    await pass(HALF_A_DAY - 60_000);
    expect(requests).toBe(1);
    await pass(60_000);
    expect(requests).toBe(2);
    await set({ interval_seconds: 60 });
    await pass(59_000);
    expect(requests).toBe(2);
    await pass(10_000);
    expect(requests).toBe(3);
  });

  it.each([
    ['http://127.0.0.1:1/', 'loopback'],
    ['http://[::1]:1/', 'loopback'],
    ['http://0x7f000001/', 'loopback in disguise'],
    ['http://169.254.169.254/latest/meta-data/', 'link-local'],
    ['http://localhost:1/', 'a name of this box'],
  ])('never reaches %s (%s) unless an administrator allows it', async (address) => {
    await set({ url: address });
    const { body } = await api.call('POST', '/connectivity/checks');
    expect(body).toMatchObject({ status: null, is_well: false, body: '', headers: [] });
    expect(body.error).toContain('must be allowed first');
  });

  it.each([
    'ftp://example.com/',
    'file:///etc/passwd',
    'gopher://x',
    'example.com',
    'javascript:alert(1)',
    'https://user:secret@example.com/',
    'https://x/\nX: y',
  ])('refuses the address %s', async (address) => {
    const answer = await set({ url: address });
    expect([answer.status, Object.keys(answer.body.errors ?? {})]).toEqual([422, ['url']]);
  });

  it('tells administrators once when it begins to fail, and once when it is well again, also over a restart', async () => {
    await set({ url, may_reach_this_box: true, interval_seconds: 60 });
    await pass(10_000);
    expect(await notifications()).toEqual([]);
    status = 503;
    await pass(60_000);
    await api.call('DELETE', '/notifications');
    await pass(60_000);
    await pass(60_000);
    expect(await notifications()).toEqual([]);
    status = 200;
    await pass(60_000);
    await pass(60_000);
    expect(await notifications()).toEqual([`${url} can be fetched again.`]);
    status = 500;
    await pass(60_000);
    expect(await notifications()).toEqual([`${url} cannot be fetched: status 500. This box may have no way out.`, `${url} can be fetched again.`]);
  });

  it('shows headers and body escaped', async () => {
    await set({ url, may_reach_this_box: true });
    const { body } = await api.call('POST', '/connectivity/checks');
    expect(body).toMatchObject({ status: 200, is_well: true, body: HOSTILE.replace('\0', '�') });
    const browser = await box.signedIn();
    const page = (await browser.get(`/admin/diagnostics/connectivity/${body.id}`)).text;
    expect(page).toContain('&lt;script&gt;alert(1)');
    expect(page).not.toContain('<script>alert(1)');
    expect(page).not.toContain('<img src=x>');
    expect((await browser.get('/admin/diagnostics')).text).toContain(`/connectivity/${body.id}`);
  });

  it('keeps the newest 500', async () => {
    await set({ url, may_reach_this_box: true });
    const insert = box.app.db.writer.prepare(
      "INSERT INTO connectivity_checks (id, created_at, updated_at, url, checked_at, status, error, headers, body, duration_ms) VALUES (?, 1, 1, 'x', ?, 200, '', '[]', '', 1)",
    );
    for (let index = 0; index < 510; index += 1) insert.run(`old ${index}`, index);
    await pass(10_000);
    expect((await api.call('GET', '/connectivity/checks?limit=1')).headers.get('x-total-count')).toBe('500');
  });

  it('is for administrators alone', async () => {
    await api.call('POST', '/users', { email: 'bob@example.com', password: 'a password for bob' });
    const bob = { email: 'bob@example.com', password: 'a password for bob' };
    const theirs = await apiOf(box, bob);
    for (const [method, path] of [
      ['GET', '/connectivity/checks'],
      ['POST', '/connectivity/checks'],
      ['GET', '/connectivity/checks/1'],
      ['PATCH', '/configuration/connectivity'],
    ] as const)
      expect((await theirs.call(method, path)).status, path).toBe(403);
    const browser = await box.signedIn(bob);
    expect((await browser.get('/admin/diagnostics/connectivity')).status).toBe(403);
    expect((await browser.post('/admin/diagnostics/connectivity/check')).status).toBe(403);
  });

  it('is checked at a button press', async () => {
    await set({ url, may_reach_this_box: true });
    const browser = await box.signedIn();
    expect((await browser.post('/admin/diagnostics/connectivity/check')).location).toBe('/admin/diagnostics#connectivity');
    const list = (await browser.get('/admin/diagnostics/connectivity')).text;
    expect(list).toContain('status 200');
    expect((await browser.get('/admin/audit')).text).toContain('connectivity.checked');
  });
});
