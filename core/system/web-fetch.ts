import { lookup } from 'node:dns';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';
import ipaddr from 'ipaddr.js';
import { messageOf, Unavailable } from '../errors.ts';
import { en } from '../text/en.ts';

export interface WebFetchOptions {
  /** Lets it reach this box itself and its link: an administrator's decision, for each address they enter. */
  readonly mayReachThisBox?: boolean;
  readonly deadlineMs?: number;
  readonly largestBytes?: number;
  /** PEM of authorities to trust beside those that everybody knows. */
  readonly authorities?: string;
}

/** What `fetch` takes that is needed here: bodies of text or bytes, redirects followed or not. */
export type WebFetch = (address: string | URL, init?: WebRequest) => Promise<Response>;

interface WebRequest {
  readonly method?: string;
  // biome-ignore lint/suspicious/noConfusingVoidType: as RequestInit has it.
  readonly headers?: HeadersInit | undefined | void;
  readonly body?: unknown;
  readonly redirect?: string;
  readonly signal?: AbortSignal | null | undefined;
}

interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string | Uint8Array | undefined;
}

const MOST_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const NO_BODY = new Set([101, 204, 205, 304]);
/** By ipaddr.js: what leads to this box, to its link, or to nobody (RFC 6890). Private networks are where a company's servers are. */
const REFUSED = new Set(['loopback', 'linkLocal', 'unspecified', 'multicast', 'broadcast', 'rfc6145', 'rfc6052', '6to4', 'teredo']);

/**
 * `fetch` for addresses that people enter (discovery documents, metadata, checks): http and https only; every redirect and every
 * address that a name resolves to is looked at, and the one looked at is the one connected to; bounded in time and size.
 * Throws Unavailable, saying what happened.
 */
export function createWebFetch(options: WebFetchOptions = {}): WebFetch {
  const { deadlineMs = 10_000, largestBytes = 1_048_576 } = options;
  const ask = createAsk(options);
  return async (address, init = {}) => {
    const deadline = AbortSignal.timeout(deadlineMs);
    const { incoming, host } = await ask(address, init, init.signal ? AbortSignal.any([deadline, init.signal]) : deadline);
    const body = await within(incoming, host, largestBytes);
    const status = statusOf(incoming);
    const pairs = Object.entries(incoming.headersDistinct).flatMap(([name, values]) => (values ?? []).map((value): [string, string] => [name, value]));
    return new Response(NO_BODY.has(status) ? null : body, { status, headers: pairs });
  };
}

/** The same for a large file: its body as it comes. Whoever reads it bounds its size. */
export function createWebDownload(
  options: Omit<WebFetchOptions, 'largestBytes'> & { readonly deadlineMs: number },
): (address: string, signal: AbortSignal) => Promise<AsyncIterable<Buffer>> {
  const ask = createAsk(options);
  return async (address, signal) => {
    const { incoming, host } = await ask(address, {}, AbortSignal.any([AbortSignal.timeout(options.deadlineMs), signal]));
    if (statusOf(incoming) === 200) return translated(incoming, host);
    incoming.destroy();
    throw new Unavailable(en.web.failed(host, `${statusOf(incoming)} ${incoming.statusMessage ?? ''}`.trim()));
  };
}

interface Asked {
  readonly incoming: IncomingMessage;
  readonly host: string;
}

/** Asks, follows redirects, and answers when the last answer's body begins. */
function createAsk({
  mayReachThisBox = false,
  authorities,
}: WebFetchOptions): (address: string | URL, init: WebRequest, signal: AbortSignal) => Promise<Asked> {
  const trust = authorities ? { ca: [...rootCertificates, authorities] } : {};
  return async (address, init, signal) => {
    let hop: Hop = { url: asUrl(address), method: init.method ?? 'GET', headers: new Headers(init.headers ?? {}), body: asBody(init.body) };
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      const incoming = await send(hop, signal);
      const { location } = incoming.headers;
      if (init.redirect === 'manual' || location === undefined || !REDIRECTS.has(statusOf(incoming))) return { incoming, host: hop.url.host };
      incoming.destroy();
      hop = nextHop(hop, statusOf(incoming), location);
    }
    throw new Unavailable(en.web.tooManyRedirects(hop.url.host));
  };

  function send(hop: Hop, signal: AbortSignal): Promise<IncomingMessage> {
    const { url, method, headers, body } = hop;
    if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new Unavailable(en.web.notWeb(url.protocol));
    const literal = url.hostname.replace(/^\[|\]$/g, '');
    if (ipaddr.isValid(literal)) refuse(literal, url.host);
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    return new Promise((resolve, reject) => {
      // A connection is used once: one that was opened with other rights must not serve here.
      const outgoing = request(url, { method, headers: Object.fromEntries(headers), signal, agent: false, lookup: lookupAllowed(url.host), ...trust });
      outgoing.on('error', (cause) => reject(translate(cause, url.host)));
      outgoing.on('response', resolve);
      outgoing.end(body);
    });
  }

  function refuse(address: string, host: string): void {
    if (!mayReachThisBox && leadsToThisBox(address)) throw new Unavailable(en.web.refused(host, address));
  }

  function lookupAllowed(host: string): LookupFunction {
    return (hostname, options, callback) =>
      lookup(hostname, { ...options, all: true }, (error, found) => {
        if (error) return callback(error, '');
        try {
          for (const { address } of found) refuse(address, host);
        } catch (refusal) {
          return callback(refusal as Error, '');
        }
        const [first] = found;
        if (options.all) callback(null, found);
        else callback(null, first?.address ?? '', first?.family);
      });
  }
}

async function within(incoming: IncomingMessage, host: string, largestBytes: number): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of translated(incoming, host)) {
    size += chunk.length;
    if (size > largestBytes) throw new Unavailable(en.web.tooLarge(host, largestBytes));
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function* translated(incoming: IncomingMessage, host: string): AsyncGenerator<Buffer> {
  try {
    // Leaving the loop ends the connection.
    for await (const chunk of incoming as AsyncIterable<Buffer>) yield chunk;
  } catch (cause) {
    throw translate(cause, host);
  }
}

function translate(cause: unknown, host: string): Unavailable {
  return cause instanceof Unavailable ? cause : new Unavailable(en.web.failed(host, whatHappened(cause)), { cause });
}

function statusOf({ statusCode }: IncomingMessage): number {
  return statusCode ?? 502;
}

/** Whether connecting to the address leads to this box itself, to its link, or to nobody in particular. */
export function leadsToThisBox(address: string): boolean {
  return REFUSED.has(ipaddr.process(address).range());
}

function nextHop(hop: Hop, status: number, location: string): Hop {
  if (!URL.canParse(location, hop.url)) throw new Unavailable(en.web.failed(hop.url.host, `Location: ${location.slice(0, 80)}`));
  const url = new URL(location, hop.url);
  const headers = new Headers(hop.headers);
  if (url.origin !== hop.url.origin) for (const name of ['authorization', 'cookie']) headers.delete(name);
  if (status === 307 || status === 308) return { ...hop, url, headers };
  for (const name of ['content-type', 'content-length']) headers.delete(name);
  return { url, headers, method: hop.method === 'HEAD' ? 'HEAD' : 'GET', body: undefined };
}

function asUrl(address: string | URL): URL {
  if (!URL.canParse(String(address))) throw new Unavailable(en.web.noUrl(String(address).slice(0, 200)));
  return new URL(address);
}

function asBody(body: unknown): string | Uint8Array | undefined {
  if (body === undefined || body === null) return undefined;
  return body instanceof Uint8Array ? body : String(body);
}

function whatHappened(cause: unknown): string {
  if (cause instanceof Error && cause.name === 'TimeoutError') return en.web.timeout;
  return cause instanceof Error && cause.cause instanceof Error && cause.cause.name === 'TimeoutError' ? en.web.timeout : messageOf(cause);
}
