import type { Context, Middleware } from 'koa';
import { AppError, InvalidInput, messageOf } from '../errors.ts';
import type { Log } from '../system/log.ts';
import { en } from '../text/en.ts';

/** An error as its reader may see it. */
interface Shown {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly fields: Readonly<Record<string, readonly string[]>> | undefined;
}

/** Turns whatever is thrown into a page, or a problem document (RFC 9457) for APIs, and logs it once. */
export function answerErrors(log: Log, isApi: (path: string) => boolean, renderPage: (ctx: Context, error: Shown) => Promise<string>): Middleware {
  return async (ctx, next) => {
    try {
      await next();
      if (ctx.status === 404 && ctx.body == null) await answer(ctx, shown(Object.assign(new Error(), { status: 404 })));
    } catch (error) {
      const what = shown(error);
      const level = what.status >= 500 ? 'error' : 'info';
      log[level](
        {
          method: ctx.method,
          path: ctx.path,
          status: what.status,
          code: what.code,
          error: messageOf(error),
          ...(what.status >= 500 && error instanceof Error ? { stack: error.stack, cause: messageOf(error.cause ?? '') } : {}),
          ...(error instanceof AppError && error.detail ? { detail: error.detail } : {}),
        },
        'request failed',
      );
      if (error instanceof AppError) ctx.set(error.headers);
      await answer(ctx, what);
    }
  };

  async function answer(ctx: Context, error: Shown): Promise<void> {
    ctx.status = error.status;
    if (isApi(ctx.path)) {
      if (error.status === 401) ctx.set('WWW-Authenticate', 'Bearer');
      ctx.body = JSON.stringify({
        type: `about:blank#${error.code}`,
        title: error.title,
        status: error.status,
        code: error.code,
        detail: error.detail,
        ...(error.fields ? { errors: error.fields } : {}),
      });
      ctx.type = 'application/problem+json';
      return;
    }
    ctx.type = 'html';
    ctx.body = await renderPage(ctx, error);
  }
}

function shown(error: unknown): Shown {
  if (error instanceof AppError) return describe(error.status, error.code, error.message, error instanceof InvalidInput ? error.fields : undefined);
  const status = statusOf(error);
  if (status === 404) return describe(404, 'not_found', en.errors.notFound);
  if (status === 405 || status === 501) return describe(405, 'method_not_allowed', en.errors.wrongMethod);
  if (status >= 400 && status < 500) return describe(400, 'bad_request', messageOf(error));
  return describe(500, 'unexpected', en.errors.unexpected);
}

function describe(status: number, code: string, detail: string, fields?: Shown['fields']): Shown {
  const headings: Readonly<Record<number, string>> = en.errors.heading;
  return { status, code, title: headings[status] ?? en.errors.heading[400], detail, fields };
}

function statusOf(error: unknown): number {
  const status = error instanceof Error && 'status' in error ? error.status : 500;
  return typeof status === 'number' ? status : 500;
}
