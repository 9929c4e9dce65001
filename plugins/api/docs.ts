import { json, type Operation, type Route, VERSION, view } from '#core';
import { openApi, schemaOf } from './openapi.ts';
import { ROOT } from './serve.ts';
import { text } from './text.ts';
import { queryOf } from './whole-lists.ts';

/** The OpenAPI document, and the same as a page to read. They tell nothing about this very box. */
export function docsPages(operations: readonly Operation[]): readonly Route[] {
  return [
    { method: 'GET', path: `${ROOT}/openapi.json`, permission: 'public', auth: 'bearer', handle: () => json(openApi(operations, VERSION)) },
    {
      method: 'GET',
      path: '/api/docs',
      permission: 'public',
      handle: () => view('api/docs', { title: text.docs.title, text: text.docs, tags: byTag(operations), root: ROOT }),
    },
  ];
}

function byTag(operations: readonly Operation[]) {
  return [...Map.groupBy(operations, ({ tag }) => tag)].map(([tag, some]) => ({
    tag,
    anchor: tag.toLowerCase().replace(/\W+/g, '-'),
    operations: some.map(describe),
  }));
}

function describe(operation: Operation) {
  const { id, method, path, summary, permission, body, file, answer, isList, type } = operation;
  const query = queryOf(operation);
  return {
    id,
    method,
    path: path.replace(/:([a-zA-Z]+)/g, '{$1}'),
    summary,
    permission,
    query: query ? fieldsOf(schemaOf(query, 'input')) : [],
    body: [...(body ? fieldsOf(schemaOf(body, 'input')) : []), ...(file ? [{ name: file, type: text.docs.file, isRequired: true }] : [])],
    answer: answer ? fieldsOf(schemaOf(answer, 'output')) : [],
    isList: isList === true,
    type: type ?? null,
  };
}

function fieldsOf({ properties = {}, required = [] }: { readonly properties?: unknown; readonly required?: unknown }) {
  return Object.entries(properties as Record<string, Schema>).map(([name, schema]) => ({
    name,
    type: typeOf(schema),
    isRequired: (required as string[]).includes(name),
  }));
}

interface Schema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly const?: unknown;
  readonly format?: string;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

/** `string`, `integer or null`, `list of string`, `accept | drop` */
function typeOf(schema: Schema): string {
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' or ');
  if (schema.enum) return schema.enum.join(' | ');
  if (schema.const !== undefined) return String(schema.const);
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  return schema.format ?? schema.type ?? 'any';
}
