import { z } from 'zod';
import { kindOf } from '../http/forms.ts';

type Document = Readonly<Record<string, unknown>>;

/** The fields of a section that hold secrets (`secretText`). */
export function secretFields({ shape }: z.ZodObject): readonly string[] {
  return Object.keys(shape).filter((name) => kindOf(shape[name] as z.ZodType).kind === 'secret');
}

/** What may be told of a document: of a secret only whether there is one, `hasPassword` for `password`. */
export function withoutSecrets(schema: z.ZodObject, document: Document): Document {
  const names = secretFields(schema);
  return Object.fromEntries(Object.entries(document).map(([name, value]) => (names.includes(name) ? [presenceOf(name), value !== null] : [name, value])));
}

/** The schema of what `withoutSecrets` answers. */
export function schemaWithoutSecrets(schema: z.ZodObject): z.ZodObject {
  const names = secretFields(schema);
  const fields = Object.entries(schema.shape).map(([name, field]) => (names.includes(name) ? [presenceOf(name), z.boolean()] : [name, field]));
  return z.strictObject(Object.fromEntries(fields));
}

/** A document as it is kept: its secrets are sealed, and the schema, which knows them as they are typed, judges the others alone. */
export function parseKept<Schema extends z.ZodObject>(schema: Schema, kept: Document): z.output<Schema> {
  const names = secretFields(schema);
  const secrets = names.map((name): [string, unknown] => [name, kept[name] ?? null]);
  return { ...schema.parse(without(kept, names)), ...Object.fromEntries(secrets) } as z.output<Schema>;
}

export function without(document: Document, names: readonly string[]): Document {
  return Object.fromEntries(Object.entries(document).filter(([name]) => !names.includes(name)));
}

function presenceOf(name: string): string {
  return `has${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}
