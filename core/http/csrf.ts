import type { Middleware } from 'koa';
import { Forbidden } from '../errors.ts';
import { en } from '../text/en.ts';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses what another site makes a browser send. Browsers say in Sec-Fetch-Site where a request comes from; over
 * plain http on a LAN they leave it out, and Origin must then name the host asked. With neither header: refused.
 * Exempt are bearer APIs, as a browser attaches no token by itself, and the few routes that others are meant to send to.
 */
export function refuseCrossSite(isExempt: (path: string) => boolean): Middleware {
  return async (ctx, next) => {
    if (!SAFE.has(ctx.method) && !isExempt(ctx.path) && !isSameSite(ctx.get('sec-fetch-site'), ctx.get('origin'), ctx.get('host'))) {
      throw new Forbidden(en.errors.crossSite, { detail: { site: ctx.get('sec-fetch-site'), origin: ctx.get('origin') } });
    }
    await next();
  };
}

function isSameSite(site: string, origin: string, host: string): boolean {
  if (site !== '') return site === 'same-origin';
  return origin !== '' && host !== '' && hostOf(origin) === host.toLowerCase();
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
