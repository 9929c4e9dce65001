import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ADMIN, type Service, startService } from '../support/service.ts';
import { until } from '../support/wait.ts';

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service?.[Symbol.asyncDispose]());

it('writes what nobody else may read', () => {
  for (const file of readdirSync(service.dataDirectory)) expect([file, statSync(join(service.dataDirectory, file)).mode & 0o077]).toEqual([file, 0]);
});

it('answers what it was asked before it ends, and waits for nobody who asks nothing', async () => {
  const body = new URLSearchParams(ADMIN).toString();
  const idle = await fetch(`${service.url}/login`);
  expect(idle.headers.get('connection')).toBe('keep-alive');
  await idle.text();
  const socket = connect(service.port, 'localhost');
  await once(socket, 'connect');
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk));
  const head = ['POST /login HTTP/1.1', `Host: localhost:${service.port}`, 'Sec-Fetch-Site: same-origin', 'Content-Type: application/x-www-form-urlencoded'];
  socket.write([...head, `Content-Length: ${body.length}`, '', body.slice(0, 10)].join('\r\n'));
  await fetch(`${service.url}/api/health`);

  const begun = performance.now();
  const ended = service.stop();
  await until('it is stopping', () => service.output().includes('service stopping'));
  socket.write(body.slice(10));
  await once(socket, 'close');
  expect(answer).toMatch(/^HTTP\/1\.1 303 /);
  expect(await ended).toBe(0);
  expect(performance.now() - begun).toBeLessThan(4_000);
});
