import type { Middleware } from 'koa';
import type { EventBus } from '../events/bus.ts';

/** Tells of every answer and how long it took to make. */
export function observe(events: Pick<EventBus, 'emit'>, isApi: (path: string) => boolean): Middleware {
  const kindOf = (path: string) => (path.startsWith('/static/') ? 'asset' : path === '/live' ? 'live' : isApi(path) ? 'api' : 'page');
  return async (ctx, next) => {
    const begun = performance.now();
    try {
      await next();
    } finally {
      events.emit('http.answered', { kind: kindOf(ctx.path), method: ctx.method, status: ctx.status, durationMs: performance.now() - begun });
    }
  };
}
