import { z } from 'zod';
import { type FieldErrors, InvalidInput } from '../errors.ts';
import { drawnAs } from '../parse.ts';
import type { Reply } from './route.ts';

/**
 * Makes of a submitted form what the schema's fields expect: an absent box is false, lists are split at commas and
 * white space, numbers are numbers, and an empty field that may be null is null. Says nothing of what is valid.
 */
export function readForm(schema: z.ZodObject, form: URLSearchParams, fields: readonly string[] = Object.keys(schema.shape)): Record<string, unknown> {
  const values = fields.map((field): [string, unknown] => [field, readField(kindOf(schema.shape[field] as z.ZodType), form, field)]);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

/** What kind of input a field wants; the settings pages draw their forms from it too. */
export interface FieldKind {
  readonly kind: 'flag' | 'number' | 'list' | 'choice' | 'text' | 'prose' | 'secret';
  readonly isNullable: boolean;
  readonly choices: readonly string[];
}

export function kindOf(schema: z.ZodType): FieldKind {
  let isNullable = false;
  let inner: z.ZodType = schema;
  for (;;) {
    if (inner instanceof z.ZodNullable) isNullable = true;
    if (inner instanceof z.ZodNullable || inner instanceof z.ZodOptional || inner instanceof z.ZodDefault) inner = inner.unwrap() as z.ZodType;
    else if (inner instanceof z.ZodPipe) inner = inner.in as z.ZodType;
    else break;
  }
  const choices = inner instanceof z.ZodEnum ? inner.options.map(String) : [];
  return { kind: inputOf(inner), isNullable, choices };
}

/** Tries, and on invalid input shows the form again with the problems beside its fields. */
export async function orShowAgain(attempt: () => Promise<Reply>, again: (errors: FieldErrors) => Promise<Reply> | Reply): Promise<Reply> {
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    const reply = await again(error.fields);
    return reply.kind === 'view' ? { ...reply, status: error.status } : reply;
  }
}

function inputOf(schema: z.ZodType): FieldKind['kind'] {
  if (schema instanceof z.ZodBoolean) return 'flag';
  if (schema instanceof z.ZodNumber) return 'number';
  if (schema instanceof z.ZodArray) return 'list';
  return schema instanceof z.ZodEnum ? 'choice' : (drawnAs.get(schema)?.kind ?? 'text');
}

function readField({ kind, isNullable }: FieldKind, form: URLSearchParams, field: string): unknown {
  const text = form.get(field);
  if (kind === 'flag') return text !== null && text !== 'false' && text !== '';
  if (kind === 'list') return form.getAll(field).flatMap((value) => value.split(/[\s,]+/).filter((item) => item !== ''));
  if (isNullable && (text === null || text.trim() === '')) return null;
  // A choice or number that was not offered is left as it is.
  if (kind === 'choice') return text ?? undefined;
  if (kind === 'number') return text === null ? undefined : text.trim() === '' ? Number.NaN : Number(text);
  return text ?? '';
}
