import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createWebFetch, leadsToThisBox } from '../../../core/system/web-fetch.ts';

describe('fetching from addresses that people enter', () => {
  const stops: (() => void)[] = [];
  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });
  const serve = async (answer: RequestListener): Promise<string> => {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stops.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const open = createWebFetch({ mayReachThisBox: true });
  const why = (attempt: Promise<unknown>) =>
    attempt.then(
      () => 'it answered',
      (error: Error) => error.message,
    );

  it('answers as fetch does: status, headers, body, of whatever method', async () => {
    const url = await serve(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      response.writeHead(201, { 'content-type': 'text/plain', 'set-cookie': ['a=1', 'b=2'] }).end(`${request.method} ${request.headers['x-asked']} ${body}`);
    });
    const response = await open(url, { method: 'POST', headers: { 'x-asked': 'yes' }, body: new URLSearchParams({ a: 'ü' }) });
    expect([response.status, response.headers.get('content-type'), response.headers.getSetCookie()]).toEqual([201, 'text/plain', ['a=1', 'b=2']]);
    expect(await response.text()).toBe('POST yes a=%C3%BC');
  });

  it.each([
    'http://127.0.0.1/',
    'http://127.9.9.9/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0.0.0.0/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::]/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[fe80::1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://224.0.0.1/',
    'http://localhost/',
  ])('refuses %s, which is this box or its link', async (url) => {
    expect(await why(createWebFetch()(url))).toMatch(/this box itself or its link/);
  });

  it('does not take a company’s private network, or the internet, for this box', () => {
    const addresses = ['10.0.0.5', '172.16.0.1', '192.168.1.1', 'fd00::5', '100.64.0.1', '203.0.113.5', '2606:4700::1'];
    expect(addresses.filter(leadsToThisBox)).toEqual([]);
  });

  it.each(['file:///etc/passwd', 'ftp://example.com/', 'data:text/plain,x', 'gopher://example.com/', 'no address'])('refuses %s', async (url) => {
    expect(await why(open(url))).toMatch(/neither https nor http|is not an address/);
  });

  it('looks at every redirect again', async () => {
    const file = await serve((_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end());
    expect(await why(open(file))).toMatch(/neither https nor http/);
    const circle = await serve((request, response) => response.writeHead(302, { location: `${request.url}x` }).end());
    expect(await why(open(circle))).toMatch(/redirects without end/);
  });

  it('follows a redirect without the credentials meant for the first host', async () => {
    const target = await serve((request, response) => response.end(`${request.method} ${request.headers.authorization} ${request.headers['content-type']}`));
    const first = await serve((_, response) => response.writeHead(302, { location: target }).end());
    const answer = await open(first, { method: 'POST', headers: { authorization: 'Bearer secret', 'content-type': 'text/plain' }, body: 'x' });
    expect(await answer.text()).toBe('GET undefined undefined');
    expect((await open(first, { redirect: 'manual' })).status).toBe(302);
  });

  it('stops reading what is too large, and waiting for what is too slow', async () => {
    const endless = await serve((_, response) => {
      const more = () => response.write('x'.repeat(65_536)) && setImmediate(more);
      response.on('drain', more);
      more();
    });
    expect(await why(open(endless))).toMatch(/more than 1048576 bytes/);
    const silent = await serve(() => {});
    expect(await why(createWebFetch({ mayReachThisBox: true, deadlineMs: 100 })(silent))).toMatch(/took too long/);
  });
});
