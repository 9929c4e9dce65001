import type { Middleware } from 'koa';
import { InvalidInput, TooLarge } from '../errors.ts';
import { en } from '../text/en.ts';

/** What a request brought along: a form, a JSON value, or neither. */
export interface RequestBody {
  readonly form: URLSearchParams;
  readonly json: unknown;
}

const LARGEST_BYTES = 1_048_576;
/** What is left of the body would be taken for the next request. */
const UNREAD = { headers: { Connection: 'close' } };
const NOTHING: RequestBody = { form: new URLSearchParams(), json: undefined };

/**
 * Reads forms and JSON, both UTF-8 by their standards (URL §5.1, RFC 8259 §8.1), into `ctx.state.body`. A library would bring every
 * character set there is, and a parser of nested forms that nobody here wants: a sixth of the program's memory.
 */
export function readBody(): Middleware {
  return async (ctx, next) => {
    const kind = ctx.is('urlencoded', 'json');
    ctx.state['body'] = kind ? parseBody(kind, await readText(ctx.req)) : NOTHING;
    await next();
  };
}

async function readText(request: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > LARGEST_BYTES) throw new TooLarge(en.errors.tooLarge, UNREAD);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseBody(kind: string, text: string): RequestBody {
  if (kind === 'urlencoded') return { form: new URLSearchParams(text), json: undefined };
  try {
    return { form: NOTHING.form, json: text === '' ? undefined : JSON.parse(text) };
  } catch (cause) {
    throw new InvalidInput({ '': [en.errors.notJson] }, { cause });
  }
}
