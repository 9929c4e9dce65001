import { z } from 'zod';
import type { Operation } from '#core';
import { isConditional, isRepeatable, ROOT } from './serve.ts';
import { text } from './text.ts';
import { queryOf } from './whole-lists.ts';
import { snakeCase } from './wire.ts';

/** A JSON Schema (draft 2020-12) or a part of an OpenAPI document. */
export type Json = Readonly<Record<string, unknown>>;

/** The OpenAPI 3.1 document of these operations, made from the very schemas that validate. */
export function openApi(operations: readonly Operation[], version: string): Json {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const path = operation.path.replace(/:([a-zA-Z]+)/g, '{$1}');
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: describe(operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: text.openApi.title,
      version,
      description: text.openApi.description,
      license: { name: 'AGPL-3.0-or-later', identifier: 'AGPL-3.0-or-later' },
    },
    servers: [{ url: ROOT }],
    security: [{ token: [] }],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: PROBLEM },
      responses: {
        Problem: { description: text.openApi.problem, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } },
      },
    },
  };
}

const PROBLEM: Json = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'detail'],
  additionalProperties: false,
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string' },
    detail: { type: 'string' },
    errors: { type: 'object', additionalProperties: { type: 'array', items: { type: 'string' } } },
  },
};

function describe(operation: Operation): Json {
  const { id, tag, summary, status = 200 } = operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    parameters: parametersOf(operation),
    ...requestBodyOf(operation),
    responses: {
      [status]: successOf(operation),
      ...(isTagged(operation) ? { 304: { description: text.openApi.notModified } } : {}),
      ...problemsOf(operation),
    },
  };
}

function requestBodyOf({ body, file }: Operation): Json {
  const schema = body ? schemaOf(body, 'input') : { type: 'object' };
  const { properties = {}, required = [] } = schema as { properties?: Json; required?: readonly string[] };
  if (file !== undefined) {
    const form = { ...schema, properties: { ...properties, [file]: FILE }, required: [...required, file] };
    return { requestBody: { required: true, content: { 'multipart/form-data': { schema: form } } } };
  }
  return body ? { requestBody: { required: required.length > 0, content: { 'application/json': { schema } } } } : {};
}

/** OpenAPI 3.1, “Considerations for File Uploads”: what is binary has no type. */
const FILE: Json = { contentMediaType: 'application/octet-stream', description: text.openApi.file };

function parametersOf(operation: Operation): readonly Json[] {
  const inPath = [...operation.path.matchAll(/:([a-zA-Z]+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
  const asked = queryOf(operation);
  const query = asked ? schemaOf(asked, 'input') : {};
  const inQuery = Object.entries((query['properties'] ?? {}) as Json).map(([name, schema]) => ({ name, in: 'query', required: false, schema }));
  const header = (name: string, description: string) => ({ name, in: 'header', required: false, description, schema: { type: 'string' } });
  return [
    ...inPath,
    ...inQuery,
    ...(isRepeatable(operation) ? [header('Idempotency-Key', text.openApi.idempotencyKey)] : []),
    ...(isConditional(operation.method) ? [header('If-Match', text.openApi.ifMatch)] : []),
    ...(isTagged(operation) ? [header('If-None-Match', text.openApi.ifNoneMatch)] : []),
  ];
}

function isTagged({ method, isList, type }: Operation): boolean {
  return method === 'GET' && !isList && type === undefined;
}

function successOf({ answer, isList, type, status }: Operation): Json {
  if (status === 204) return { description: text.openApi.done };
  if (type !== undefined) return { description: text.openApi.done, content: { [type]: { schema: { type: 'string' } } } };
  const schema = answer ? schemaOf(answer, 'output') : {};
  if (!isList) return { description: text.openApi.done, headers: { ETag: { schema: { type: 'string' } } }, content: { 'application/json': { schema } } };
  const headers = { 'X-Total-Count': { schema: { type: 'string' } }, Link: { schema: { type: 'string' }, description: text.openApi.link } };
  return { description: text.openApi.done, headers, content: { 'application/json': { schema: { type: 'array', items: schema } } } };
}

/** What a request may meet beside what the operation itself answers. */
function problemsOf({ method, path }: Operation): Json {
  const statuses = [
    ...(path.includes(':') ? [400] : []),
    ...(method === 'GET' ? [] : [409, 413]),
    ...(isConditional(method) ? [412] : []),
    ...[401, 403, 404, 422, 429, 500, 503],
  ];
  return Object.fromEntries(statuses.map((status) => [status, { $ref: '#/components/responses/Problem' }]));
}

/** The JSON Schema of what callers send (`input`) or get (`output`), with the names that they use. */
export function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any', target: 'draft-2020-12' }) as Record<string, unknown>;
  const { properties, required } = json as { properties?: Json; required?: readonly string[] };
  if (properties === undefined) return json;
  const spelled = Object.fromEntries(Object.entries(properties).map(([name, property]) => [snakeCase(name), property]));
  return { ...json, properties: spelled, ...(required ? { required: required.map(snakeCase) } : {}) };
}
