import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expose } from '../../../plugins/metrics/exposition.ts';
import { apiOf, type TestApi } from '../../support/api.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';

describe('metrics', () => {
  let box: TestApp;
  let api: TestApi;
  beforeEach(async () => {
    box = await createTestApp();
    api = await apiOf(box);
  });
  afterEach(() => box[Symbol.asyncDispose]());

  const scrape = (headers: Record<string, string> = {}, path = '/metrics') => fetch(box.url + path, { headers });
  const withToken = (token: string) => scrape({ authorization: `Bearer ${token}` });
  const makeToken = async () => (await api.call('POST', '/metrics/token')).body.token as string;
  const allow = (...networks: string[]) => api.call('PATCH', '/configuration/metrics', { allowed_networks: networks });

  it('are off until a token is made or a network named', async () => {
    expect((await scrape()).status).toBe(403);
    expect((await withToken('anything')).status).toBe(403);
  });

  it('are given to who shows the token, and to nobody else', async () => {
    const token = await makeToken();
    expect((await withToken(token)).status).toBe(200);
    for (const wrong of ['', token.slice(0, -1), `${token}x`, token.toUpperCase(), api.token]) expect((await withToken(wrong)).status, wrong).toBe(401);
    const refused = await scrape({ 'x-forwarded-for': '127.0.0.1', cookie: `token=${token}` }, `/metrics?token=${token}`);
    expect([refused.status, refused.headers.get('www-authenticate'), (await refused.text()).includes('wiregui_')]).toEqual([401, 'Bearer', false]);
    const browser = await box.signedIn();
    expect((await browser.get('/metrics')).status).toBe(401);
  });

  it('are given to a network that is named, by the address the connection comes from', async () => {
    await allow('192.0.2.0/24');
    for (const claimed of ['192.0.2.1', '127.0.0.1, 192.0.2.1']) expect((await scrape({ 'x-forwarded-for': claimed })).status, claimed).toBe(401);
    await allow('192.0.2.0/24', '127.0.0.0/8');
    expect((await scrape()).status).toBe(200);
    await allow('fd00::/8');
    expect((await scrape()).status).toBe(401);
    expect((await allow('everywhere')).status).toBe(422);
  });

  it('keep only a hash of the token, replace the old one, and let nobody in when it is removed', async () => {
    const [old, token] = [await makeToken(), await makeToken()];
    expect((await withToken(old)).status).toBe(401);
    const rows = box.app.db.writer.prepare('SELECT hash FROM metrics_token').pluck().all() as readonly string[];
    expect(rows).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
    for (const path of ['/configuration/metrics', '/audit'])
      for (const secret of [token, ...rows]) expect(JSON.stringify((await api.call('GET', path)).body), path).not.toContain(secret);
    expect((await api.call('DELETE', '/metrics/token')).status).toBe(204);
    expect((await withToken(token)).status).toBe(403);
    const { body } = await api.call('GET', '/audit?limit=4');
    expect(body.map(({ action }: { action: string }) => action)).toEqual([
      'metrics.token-removed',
      'metrics.token-created',
      'metrics.token-created',
      'token.created',
    ]);
  });

  it('are managed by administrators alone', async () => {
    await api.call('POST', '/users', { email: 'bob@example.com', password: 'a password for bob' });
    const bob = await apiOf(box, { email: 'bob@example.com', password: 'a password for bob' });
    for (const method of ['POST', 'DELETE']) expect((await bob.call(method, '/metrics/token')).status).toBe(403);
    const browser = await box.signedIn({ email: 'bob@example.com', password: 'a password for bob' });
    expect((await browser.get('/admin/settings/metrics')).status).toBe(403);
    expect((await browser.post('/admin/settings/metrics/token')).status).toBe(403);
  });

  it('have a page whose token is shown once', async () => {
    const browser = await box.signedIn();
    expect((await browser.get('/admin/settings/metrics')).text).toContain('Make a token');
    const [token = ''] = /wgm_[A-Za-z0-9_-]{43}/.exec((await browser.post('/admin/settings/metrics/token')).text) ?? [];
    expect((await withToken(token)).status).toBe(200);
    expect((await browser.get('/admin/settings/metrics')).text).not.toContain(token);
    expect((await browser.post('/admin/settings/metrics', { allowedNetworks: 'nowhere' })).status).toBe(422);
    await browser.post('/admin/settings/metrics', { allowedNetworks: '127.0.0.1' });
    await browser.post('/admin/settings/metrics/token/remove');
    expect((await scrape()).status).toBe(200);
  });

  it('tell of devices, traffic, requests, jobs, network, and the process, in the text format 0.0.4', async () => {
    await api.call('POST', '/devices', { name: 'Laptop' });
    box.app.events.emit('stats.changed', { rxBytes: 10, txBytes: 20 });
    box.app.events.emit('network.reconciled', { durationMs: 30, isOk: true });
    box.app.events.emit('network.reconciled', { durationMs: 2_000, isOk: false });
    await allow('127.0.0.1');
    const ran = new Promise<void>((resolve) => box.app.events.on('job.ran', ({ id }) => (id === 'stats' ? resolve() : undefined)));
    box.clock.advance(2_000);
    await ran;
    const answer = await scrape();
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const text = await answer.text();
    for (const line of [
      '# TYPE wiregui_traffic_bytes_total counter',
      'wiregui_devices 1',
      'wiregui_users 1',
      'wiregui_peers 0',
      'wiregui_traffic_bytes_total{direction="received"} 10',
      'wiregui_traffic_bytes_total{direction="sent"} 20',
      'wiregui_http_requests_total{kind="api",method="POST",code="201"} 1',
      'wiregui_http_request_duration_seconds_count{kind="api"} 2',
      'wiregui_reconcile_duration_seconds_bucket{le="0.05"} 1',
      'wiregui_reconcile_duration_seconds_bucket{le="+Inf"} 2',
      'wiregui_reconcile_duration_seconds_sum 2.03',
      'wiregui_reconcile_failures_total 1',
      'wiregui_job_runs_total{job="stats"} 1',
      'wiregui_network_state{state="off"} 1',
      'wiregui_plugin_running{plugin="metrics"} 1',
      'wiregui_drift_repaired_total 0',
    ])
      expect(text.split('\n')).toContain(line);
    for (const name of ['process_resident_memory_bytes', 'process_cpu_seconds_total', 'wiregui_event_loop_lag_seconds{stat="p99"}'])
      expect(text).toMatch(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} \\d`, 'm'));
    // Every line is a comment or a sample.
    for (const line of text.trimEnd().split('\n')) expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? -?[\d.e+-]+)$/);
  });

  it('have as many labels as there are kinds of answers, whatever callers send', async () => {
    await allow('127.0.0.1');
    for (let index = 0; index < 30; index += 1) await fetch(`${box.url}/made-up-${index}`, { method: `M${index}` }).catch(() => undefined);
    for (let index = 0; index < 30; index += 1) await fetch(`${box.url}/made-up-${index}`);
    const lines = (await (await scrape()).text()).split('\n').filter((line) => line.startsWith('wiregui_http_requests_total'));
    expect(lines.length).toBeLessThan(8);
  });

  it('name devices only when that is wanted, with labels that cannot be broken out of', async () => {
    await allow('127.0.0.1');
    await api.call('POST', '/devices', { name: 'a"} 1 \\ x' });
    expect(await (await scrape()).text()).not.toContain('a\\"}');
    await api.call('PATCH', '/configuration/metrics', { each_device: true });
    expect(await (await scrape()).text()).toContain('wiregui_device_sent_bytes_total{device="a\\"} 1 \\\\ x",id="');
    expect(expose([{ name: 'x', help: 'two\nlines', type: 'gauge', samples: [[{ l: 'a\nb' }, 1]] }])).toBe(
      '# HELP x two\\nlines\n# TYPE x gauge\nx{l="a\\nb"} 1\n',
    );
  });
});
