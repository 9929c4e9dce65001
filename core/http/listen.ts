import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Config } from '../config.ts';
import { Unavailable } from '../errors.ts';
import type { Certificates } from './certificates.ts';
import { uploads } from './upload.ts';

export interface Listening {
  /** Takes no new connections, lets the present requests end. */
  close(): Promise<void>;
}

const BODY_TIMEOUT_MS = 60_000;
const SWEEP_MS = 50;
const CHALLENGE_PREFIX = '/.well-known/acme-challenge/';

/**
 * Listens on WG_PORT; with WG_HTTPS_PORT the pages are there, and what comes by http is sent on to https, but for certificate
 * authorities that look for their challenge and for whoever asks how the box is.
 */
export async function listen(
  answer: RequestListener,
  certificates: Certificates | null,
  config: Pick<Config, 'host' | 'port' | 'httpsPort'>,
): Promise<Listening> {
  const { host, port, httpsPort } = config;
  if (certificates === null || httpsPort === undefined) return closing([await open(createServer(answer), host, port)]);
  const secure = createHttpsServer({ ...pairOf(certificates), minVersion: 'TLSv1.2' }, answer);
  const stopFollowing = certificates.onChange(() => secure.setSecureContext({ ...pairOf(certificates), minVersion: 'TLSv1.2' }));
  const servers = [await open(secure, host, httpsPort), await open(createServer(sendToHttps(answer, certificates, httpsPort)), host, port)];
  return closing(servers, stopFollowing);
}

function pairOf(certificates: Certificates): { readonly key: string; readonly cert: string } {
  const { key, certificate } = certificates.current();
  return { key, cert: certificate };
}

function open(server: Server, host: string, port: number): Promise<Server> {
  // Node's own limit knows no exceptions, and a large file takes longer on a slow line.
  server.requestTimeout = 0;
  server.on('request', (request: IncomingMessage) => limitBody(request));
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(new Unavailable(`cannot listen on ${host}:${port}: ${cause.message}`, { cause })));
    server.listen(port, host, () => resolve(server));
  });
}

/** Ends a connection whose request does not come to its end; one that brings a file, only when nothing more of it comes. */
export function limitBody(request: IncomingMessage, timeoutMs = BODY_TIMEOUT_MS): void {
  const { socket } = request;
  let seen = socket.bytesRead;
  const timer = setInterval(() => {
    if (request.complete) return clearInterval(timer);
    const hasMoved = socket.bytesRead > seen;
    seen = socket.bytesRead;
    if (!uploads.has(request) || !hasMoved) socket.destroy();
  }, timeoutMs).unref();
  const stop = () => clearInterval(timer);
  request.once('end', stop).once('close', stop);
}

function closing(servers: readonly Server[], stopFollowing = () => {}): Listening {
  return {
    async close() {
      stopFollowing();
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
      // One that is kept alive becomes idle when its answer is out.
      const sweep = () => {
        for (const server of servers) server.closeIdleConnections();
      };
      const sweeping = setInterval(sweep, SWEEP_MS);
      sweep();
      await Promise.all(closed);
      clearInterval(sweeping);
    },
  };
}

function sendToHttps(answer: RequestListener, { challenges }: Certificates, httpsPort: number): RequestListener {
  return (request, response) => {
    const { pathname, search } = new URL(request.url ?? '/', 'http://box');
    if (pathname === '/api/health') return answer(request, response);
    const challenge = pathname.startsWith(CHALLENGE_PREFIX) ? challenges.get(pathname.slice(CHALLENGE_PREFIX.length)) : undefined;
    if (challenge !== undefined) return response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(challenge);
    // To the name that was asked for, if it is one: the box may be known by several, and by addresses.
    const [, name] = /^((?:[a-z0-9_-]+\.)*[a-z0-9_-]+|\[[0-9a-f:.]+\])(?::\d+)?$/i.exec(request.headers.host ?? '') ?? [];
    if (name === undefined) return response.writeHead(400).end();
    const port = httpsPort === 443 ? '' : `:${httpsPort}`;
    response.writeHead(308, { location: `https://${name}${port}${pathname}${search}`, 'content-length': 0 }).end();
  };
}
