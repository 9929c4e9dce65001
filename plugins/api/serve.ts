import { z } from 'zod';
import {
  type Db,
  InvalidInput,
  json,
  NotFound,
  type Operation,
  type OperationAnswer,
  type OperationCall,
  type PageRequest,
  PreconditionFailed,
  parse,
  type Reply,
  type Route,
  raw,
} from '#core';
import { entityTag, isKnown, isUnchanged } from './entity-tag.ts';
import type { Idempotency } from './idempotency.ts';
import { text } from './text.ts';
import { partOf, queryOf } from './whole-lists.ts';
import { camelCase, fromWire, listText, snakeCase, toWire } from './wire.ts';

export const ROOT = '/api/v0';

interface ServeParts {
  readonly operations: readonly Operation[];
  readonly idempotency: Idempotency;
  readonly db: Db;
}

/** Whether such a request changes what has a tag, and If-Match counts. */
export function isConditional(method: Route['method']): boolean {
  return method === 'PUT' || method === 'PATCH' || method === 'DELETE';
}

/** Whether it is carried out once, however often it is sent. What is neither JSON nor nothing changes nothing; files are not kept to compare. */
export function isRepeatable({ method, type, file }: Operation): boolean {
  return method === 'POST' && type === undefined && file === undefined;
}

/** The route that serves an operation to bearers of tokens. */
export function serve(operation: Operation, parts: ServeParts): Route {
  const { method, path, permission } = operation;
  return {
    method,
    path: `${ROOT}${path}`,
    permission,
    auth: 'bearer',
    handle: (request) =>
      answer(operation, request, parts).catch((error: unknown) => {
        throw error instanceof InvalidInput ? spelledForWire(error) : error;
      }),
  };
}

async function answer(operation: Operation, request: PageRequest, parts: ServeParts): Promise<Reply> {
  // Somebody whose id is empty means one thing, and not all of them.
  if (pathOf(request).endsWith('/')) throw new NotFound(text.emptyName);
  const body = operation.file === undefined ? readBody(operation, request) : {};
  const query = readQuery(queryOf(operation), request.query);
  const call = {
    actor: request.actor,
    params: request.params,
    query,
    body,
    ...(operation.file ? { upload: uploadOf(operation, operation.file, request) } : {}),
  };
  const carryOut = () => ifUnchanged(request, operation, parts, async () => partOf(operation, await operation.handle(call), query));
  const key = request.headers['idempotency-key'];
  if (!isRepeatable(operation) || key === undefined) return replyTo(operation, request, await carryOut());
  const print = JSON.stringify([operation.id, request.params, request.body ?? null]);
  const {
    status,
    body: answered,
    isReplayed,
  } = await parts.idempotency.once(request.actor, String(key), print, async () => {
    const reply = replyTo(operation, request, await carryOut());
    return { status: operation.status ?? 200, body: reply.kind === 'json' ? reply.body : null, isSecret: operation.answersSecret === true };
  });
  const headers = isReplayed ? { 'Idempotency-Replayed': 'true' } : {};
  return status === 204 ? { kind: 'empty', status, headers } : json(answered, status, headers);
}

const NOTHING = z.strictObject({});

/** What was sent, by the names that services know. Only what the operation knows of is taken. */
function readBody({ body: schema = NOTHING }: Operation, { body: sent, headers }: PageRequest): unknown {
  const isSomethingSent = Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined;
  if (sent === undefined && isSomethingSent) throw new InvalidInput({ '': [text.notJson] });
  const given = sent === undefined ? {} : sent;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new InvalidInput({ '': [text.notAnObject] });
  // Only the names that are documented: with two spellings of one field nobody would know which counts.
  const known = new Set(Object.keys(schema.shape).map(snakeCase));
  const [fields, others] = [Object.entries(given).filter(([name]) => known.has(name)), Object.keys(given).filter((name) => !known.has(name))];
  const body = fromWire(Object.fromEntries(fields));
  // The service parses it again; here also those are refused whose service looks at nothing.
  const problems = { ...problemsOf(schema, body), ...Object.fromEntries(others.map((name) => [name, [text.unknownField]])) };
  if (Object.keys(problems).length > 0) throw new InvalidInput(problems);
  return body;
}

/** What comes along, with no field beside it that is not documented. */
function uploadOf({ body: schema = NOTHING }: Operation, file: string, request: PageRequest): NonNullable<OperationCall['upload']> {
  const known = new Set(Object.keys(schema.shape).map(snakeCase));
  return async (largestBytes) => {
    const upload = await request.upload(file, largestBytes);
    const unknown = [...new Set(upload.fields.keys())].filter((name) => !known.has(name));
    if (unknown.length === 0) return upload;
    // It is still coming in, and its sender reads no answer before all is sent.
    upload.body.resume();
    throw new InvalidInput(Object.fromEntries(unknown.map((name) => [name, [text.unknownField]])));
  };
}

function problemsOf(schema: z.ZodObject, body: unknown): InvalidInput['fields'] {
  try {
    parse(schema, body);
    return {};
  } catch (error) {
    if (error instanceof InvalidInput) return error.fields;
    throw error;
  }
}

function readQuery(schema: z.ZodObject | undefined, query: URLSearchParams): Readonly<Record<string, unknown>> {
  const known = new Set(Object.keys(schema?.shape ?? {}).map(snakeCase));
  const unknown = [...new Set(query.keys())].filter((name) => !known.has(name) || query.getAll(name).length > 1);
  if (unknown.length > 0) throw new InvalidInput(Object.fromEntries(unknown.map((name) => [name, [known.has(name) ? text.repeated : text.unknownField]])));
  const given = Object.fromEntries([...query].map(([name, value]) => [camelCase(name), value]));
  return schema ? parse(schema, given) : {};
}

/** With If-Match a change is made only to what the caller has seen (RFC 9110 §13.1.1), whoever else is changing it now. */
function ifUnchanged(
  request: PageRequest,
  operation: Operation,
  { db, operations }: ServeParts,
  work: () => Promise<OperationAnswer>,
): Promise<OperationAnswer> {
  const wanted = request.headers['if-match'];
  if (wanted === undefined || !isConditional(operation.method)) return work();
  const reading = operations.find(({ method, path, type }) => method === 'GET' && path === operation.path && type === undefined);
  return db.onlyIf(async () => {
    const present = reading ? toWire((await reading.handle({ actor: request.actor, params: request.params, query: {}, body: {} })).body) : null;
    if (!isUnchanged(String(wanted), entityTag(present))) throw new PreconditionFailed(text.changedMeanwhile);
  }, work);
}

function replyTo(operation: Operation, request: PageRequest, { body, total, next }: OperationAnswer): Reply {
  const { status = 200, type, isList, method } = operation;
  if (type !== undefined) return raw(type, body as Parameters<typeof raw>[1]);
  if (status === 204) return { kind: 'empty', status };
  if (isList) return raw('application/json', listText(body as readonly object[]), listHeaders(request, total ?? 0, next ?? null));
  const shown = toWire(body);
  const tag = entityTag(shown);
  const isAsKnown = method === 'GET' && isKnown(String(request.headers['if-none-match'] ?? ''), tag);
  return isAsKnown ? { kind: 'empty', status: 304, headers: { ETag: tag } } : json(shown, status, { ETag: tag });
}

function pathOf({ url }: PageRequest): string {
  return url.replace(/\?.*$/, '');
}

/** RFC 8288: where the list goes on. */
function listHeaders(request: PageRequest, total: number, next: string | null): Readonly<Record<string, string>> {
  if (next === null) return { 'X-Total-Count': String(total) };
  const following = new URLSearchParams(request.query);
  following.set('cursor', next);
  return { 'X-Total-Count': String(total), Link: `<${pathOf(request)}?${following}>; rel="next"` };
}

/** The same problems under the names that the caller used. */
function spelledForWire(error: InvalidInput): InvalidInput {
  return new InvalidInput(Object.fromEntries(Object.entries(error.fields).map(([field, messages]) => [snakeCase(field), messages])), { cause: error });
}
