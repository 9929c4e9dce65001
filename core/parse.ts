import { z } from 'zod';
import { type FieldErrors, InvalidInput } from './errors.ts';
import { parseAddress, parseCidr } from './net/cidr.ts';
import type { Cidr, PublicKey } from './net/inputs.ts';
import type { Sealed } from './system/secrets.ts';
import { en } from './text/en.ts';

// Node forbids code generation in production, and zod's fast path needs it.
z.config({ jitless: true });

/** What the schema makes of the input. Throws InvalidInput with the problems by field. */
export function parse<T>(schema: z.ZodType<T>, input: unknown): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new InvalidInput(fieldsOf(result.error));
}

function fieldsOf(error: z.ZodError): FieldErrors {
  const problems = error.issues.flatMap((issue): [string, string][] =>
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [key, en.validation.unknown]) : [[String(issue.path[0] ?? ''), issue.message]],
  );
  const fields: Record<string, string[]> = {};
  for (const [field, message] of problems) fields[field] = [...(fields[field] ?? []), message];
  return fields;
}

// C0 and C1 controls, line and paragraph separators, and the marks that turn the direction of text.
const CONTROL = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
const CONTROL_BUT_NEWLINE = /[^\P{Cc}\n\r\t]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

/** How a form draws fields whose type alone does not say it. */
export const drawnAs = z.registry<{ readonly kind: 'prose' | 'secret' }>();

/** One line of text, trimmed, without control characters. */
export function line(min: number, max: number) {
  return z
    .string({ error: en.validation.required })
    .refine((text) => !CONTROL.test(text), { error: en.validation.noControl })
    .trim()
    .min(min, min === 1 ? en.validation.required : en.validation.length(min, max))
    .max(max, en.validation.length(min, max));
}

/** Text of several lines. */
export function prose(max: number) {
  return z
    .string()
    .refine((text) => !CONTROL_BUT_NEWLINE.test(text), { error: en.validation.noControl })
    .trim()
    .max(max, en.validation.length(0, max))
    .register(drawnAs, { kind: 'prose' });
}

/** A secret of a section of settings, with every space that was typed. What is kept and read is sealed: `Secrets.open` opens it. */
export function secretText(max: number) {
  return z
    .string()
    .refine((text) => !CONTROL.test(text), { error: en.validation.noControl })
    .min(1, en.validation.required)
    .max(max, en.validation.length(1, max))
    .meta({ writeOnly: true })
    .register(drawnAs, { kind: 'secret' })
    .transform((text) => text as string as Sealed)
    .nullable()
    .default(null);
}

/** Whole numbers from `min` to `max`. */
export function within(min: number, max: number) {
  return z
    .int({ error: en.validation.range(min, max) })
    .min(min, en.validation.range(min, max))
    .max(max, en.validation.range(min, max));
}

/** RFC 5321 length, no control characters; compared without case, so kept in lower case. */
export const email = line(1, 254)
  .pipe(z.email({ error: en.validation.email }))
  .transform((text) => text.toLowerCase());

/** An address or network; host bits are cleared. */
export const cidr = z.string().transform((text, ctx): Cidr => {
  const parsed = parseCidr(text.trim());
  if (parsed === null) ctx.addIssue({ code: 'custom', message: en.validation.cidr(printable(text)) });
  return parsed ?? ('' as Cidr);
});

/** One IP address, in canonical form. */
export const address = z.string().transform((text, ctx): string => {
  const parsed = parseAddress(text.trim());
  if (parsed === null) ctx.addIssue({ code: 'custom', message: en.validation.ipAddress(printable(text)) });
  return parsed ?? '';
});

const HOST_NAME = /^(?=.{1,253}$)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;

/** An IP address in canonical form, or a host name (RFC 1123). */
export const host = z.string().transform((text, ctx): string => {
  const trimmed = text.trim();
  const address = parseAddress(trimmed);
  if (address === null && !isHostName(trimmed)) ctx.addIssue({ code: 'custom', message: en.validation.address(printable(trimmed)) });
  return address ?? trimmed;
});

/** `host`, `host:port`, `[v6]` or `[v6]:port`. */
export const endpoint = line(1, 260).refine(isEndpoint, { error: en.validation.endpoint });

/** Curve25519 public key: 32 bytes in canonical base64 (wg(8)). */
export const publicKey = z
  .string()
  .trim()
  .refine((text) => /^[A-Za-z0-9+/]{43}=$/.test(text) && Buffer.from(text, 'base64').toString('base64') === text && !/^A{43}=$/.test(text), {
    error: en.validation.publicKey,
  })
  .transform((text) => text as PublicKey);

/** A list without repetitions. */
export function unique<T extends z.ZodType<string>>(item: T, max: number) {
  return z
    .array(item)
    .max(max)
    .superRefine((items, ctx) => {
      const twice = items.find((value, index) => items.indexOf(value) !== index);
      if (twice !== undefined) ctx.addIssue({ code: 'custom', message: en.validation.duplicate(twice) });
    });
}

function isHostName(text: string): boolean {
  // Only digits and dots is a mistyped address, not a name.
  return HOST_NAME.test(text) && !/^[\d.]+$/.test(text);
}

function isEndpoint(text: string): boolean {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  if (!match) return false;
  const [, v6, name, port] = match;
  const isPort = port === undefined || (Number(port) >= 1 && Number(port) <= 65_535);
  return isPort && (v6 === undefined ? isHostName(name ?? '') || parseAddress(name ?? '') !== null : parseAddress(v6)?.includes(':') === true);
}

function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '�').slice(0, 80);
}
