import { z } from 'zod';
import {
  Conflict,
  InvalidInput,
  json,
  type Operation,
  type OperationAnswer,
  type PageRequest,
  PreconditionFailed,
  parse,
  type Reply,
  type Route,
  raw,
} from '#core';
import { entityTag, isSameEntity } from './entity-tag.ts';
import type { Idempotency } from './idempotency.ts';
import type { RateLimit } from './rate-limit.ts';
import { text } from './text.ts';
import { camelCase, fromWire, listText, snakeCase, toWire } from './wire.ts';

export const ROOT = '/api/v0';

interface ServeParts {
  readonly operations: readonly Operation[];
  readonly idempotency: Idempotency;
  readonly rateLimit: RateLimit;
}

/** The route that serves an operation to bearers of tokens. */
export function serve(operation: Operation, parts: ServeParts): Route {
  const { method, path, permission } = operation;
  return {
    method,
    path: `${ROOT}${path}`,
    permission,
    auth: 'bearer',
    async handle(request) {
      try {
        const reply = await answer(operation, request, parts);
        return reply.kind === 'json' || reply.kind === 'raw'
          ? { ...reply, headers: { ...reply.headers, ...(await parts.rateLimit.headersFor(request.actor)) } }
          : reply;
      } catch (error) {
        throw error instanceof InvalidInput ? spelledForWire(error) : error;
      }
    },
  };
}

async function answer(operation: Operation, request: PageRequest, parts: ServeParts): Promise<Reply> {
  const body = readBody(operation, request);
  const query = readQuery(operation, request.query);
  const carryOut = () => inTurn(request, operation, parts, () => operation.handle({ actor: request.actor, params: request.params, query, body }));
  const key = request.headers['idempotency-key'];
  if (operation.method !== 'POST' || key === undefined) return replyTo(operation, request, await carryOut());
  const print = JSON.stringify([operation.id, request.params, request.body ?? null]);
  const kept = await parts.idempotency.once(request.actor, String(key), print, async () => {
    const reply = replyTo(operation, request, await carryOut());
    if (reply.kind !== 'json') throw new Conflict(text.idempotency.notForThis);
    return { status: reply.status, body: reply.body, isSecret: operation.answersSecret === true };
  });
  return json(kept.body, kept.status, kept.isReplayed ? { 'Idempotency-Replayed': 'true' } : {});
}

const NOTHING = z.strictObject({});

/** What was sent, by the names that services know. Only what the operation knows of is taken. */
function readBody({ body: schema }: Operation, { body: sent, headers }: PageRequest): unknown {
  if (sent === undefined && Number(headers['content-length'] ?? 0) > 0) throw new InvalidInput({ '': [text.notJson] });
  const given = sent ?? {};
  if (typeof given !== 'object' || Array.isArray(given)) throw new InvalidInput({ '': [text.notAnObject] });
  const body = fromWire(given);
  // The service parses it again; here also those are refused whose service looks at nothing.
  parse(schema ?? NOTHING, body);
  return body;
}

function readQuery({ query: schema }: Operation, query: URLSearchParams): Readonly<Record<string, unknown>> {
  const known = new Set(Object.keys(schema?.shape ?? {}).map(snakeCase));
  const unknown = [...new Set(query.keys())].filter((name) => !known.has(name) || query.getAll(name).length > 1);
  if (unknown.length > 0) throw new InvalidInput(Object.fromEntries(unknown.map((name) => [name, [known.has(name) ? text.repeated : text.unknownField]])));
  const given = Object.fromEntries([...query].map(([name, value]) => [camelCase(name), value]));
  return schema ? parse(schema, given) : {};
}

const turns = new Map<string, Promise<unknown>>();

/** With If-Match a change is made only to what the caller has seen (RFC 9110 §13.1.1); such changes of one thing take turns. */
async function inTurn(request: PageRequest, operation: Operation, { operations }: ServeParts, work: () => Promise<OperationAnswer>): Promise<OperationAnswer> {
  const wanted = request.headers['if-match'];
  if (wanted === undefined || (operation.method !== 'PATCH' && operation.method !== 'DELETE')) return work();
  const reading = operations.find(({ method, path, type }) => method === 'GET' && path === operation.path && type === undefined);
  const path = request.url.replace(/\?.*$/, '');
  const turn = (turns.get(path) ?? Promise.resolve()).then(async () => {
    const present = reading ? toWire((await reading.handle({ actor: request.actor, params: request.params, query: {}, body: {} })).body) : null;
    if (!isSameEntity(String(wanted), entityTag(present))) throw new PreconditionFailed(text.changedMeanwhile);
    return work();
  });
  const settled = turn.catch(() => undefined);
  turns.set(path, settled);
  void settled.then(() => turns.get(path) === settled && turns.delete(path));
  return turn;
}

function replyTo(operation: Operation, request: PageRequest, { body, total, next }: OperationAnswer): Reply {
  const { status = 200, type, isList, method } = operation;
  if (type !== undefined) return raw(type, body as Parameters<typeof raw>[1]);
  if (status === 204) return { kind: 'empty', status };
  if (isList) return raw('application/json', listText(body as readonly object[]), listHeaders(request, total ?? 0, next ?? null));
  const shown = toWire(body);
  const tag = entityTag(shown);
  const isKnown = method === 'GET' && isSameEntity(String(request.headers['if-none-match'] ?? ''), tag);
  return isKnown ? { kind: 'empty', status: 304 } : json(shown, status, { ETag: tag });
}

/** RFC 8288: where the list goes on. */
function listHeaders({ query, url }: PageRequest, total: number, next: string | null): Readonly<Record<string, string>> {
  if (next === null) return { 'X-Total-Count': String(total) };
  const following = new URLSearchParams(query);
  following.set('cursor', next);
  return { 'X-Total-Count': String(total), Link: `<${url.replace(/\?.*$/, '')}?${following}>; rel="next"` };
}

/** The same problems under the names that the caller used. */
function spelledForWire(error: InvalidInput): InvalidInput {
  return new InvalidInput(Object.fromEntries(Object.entries(error.fields).map(([field, messages]) => [snakeCase(field), messages])), { cause: error });
}
