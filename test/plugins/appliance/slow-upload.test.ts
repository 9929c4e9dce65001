import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, it } from 'vitest';
import { limitBody } from '../../../core/http/listen.ts';
import { bytesOf, readUpload } from '../../../core/http/upload.ts';

const LIMIT_MS = 150;
const HEAD = '--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n';
const TAIL = '\r\n--b--\r\n';

/** Sends a form with a file in pieces, one every 50 ms; answers what came back and whether the connection was ended. */
async function send(path: string, pieces: readonly string[], isFinished = true): Promise<string> {
  const server = createServer(async (request, response) => {
    if (request.url === '/upload') response.end(`${(await bytesOf(await readUpload(request, 'file', 1_000)).catch(() => '')).length} bytes`);
  });
  server.requestTimeout = 0;
  server.on('request', (request) => limitBody(request, LIMIT_MS));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const length = (HEAD + pieces.join('') + TAIL).length;
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let answer = '';
  const ended = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.on('data', (chunk) => (answer += chunk)).on('error', () => {});
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: ${length}\r\n\r\n${HEAD}`,
  );
  const left = [...pieces];
  const timer = setInterval(() => {
    const next = left.shift();
    if (next !== undefined) socket.write(next);
    else clearInterval(timer);
    if (next !== undefined && left.length === 0 && isFinished) socket.write(TAIL);
  }, 50);
  await ended;
  clearInterval(timer);
  server.close();
  return answer;
}

const pieces = Array.from({ length: 12 }, () => 'x');

it('takes a file as long as something of it comes', async () => {
  expect(await send('/upload', pieces)).toMatch(/12 bytes$/);
});

it('gives up a file of which nothing more comes', async () => {
  expect(await send('/upload', pieces.slice(0, 2), false)).not.toContain('2 bytes');
});

it('gives up a slow request that nobody waits for', async () => {
  expect(await send('/elsewhere', pieces)).toBe('');
});
