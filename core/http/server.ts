import Koa, { type Context, type Middleware } from 'koa';
import compress from 'koa-compress';
import { type Actor, nobody } from '../accounts/permissions.ts';
import type { SessionStore } from '../accounts/session-store.ts';
import type { Config } from '../config.ts';
import type { EventBus } from '../events/bus.ts';
import type { Bearer } from '../plugin/contract.ts';
import type { Log } from '../system/log.ts';
import { clientAddress } from './address.ts';
import { readBody } from './body.ts';
import { refuseCrossSite } from './csrf.ts';
import { answerErrors } from './errors.ts';
import { securityHeaders, strictTransport } from './headers.ts';
import { observe } from './observe.ts';
import { sessionMiddleware } from './session.ts';

export interface HttpParts {
  readonly config: Pick<Config, 'externalUrl' | 'trustedProxies'>;
  readonly log: Log;
  readonly events: EventBus;
  readonly sessions: SessionStore;
  readonly assets: Middleware;
  /** Whether browsers know who signed the certificate that is shown. */
  readonly isPubliclyTrusted: () => boolean;
  /** Paths that take bearer tokens and never cookies. */
  readonly isApi: (path: string) => boolean;
  /** Paths that other sites may make a browser post to. */
  readonly isOpenToOtherSites: (path: string) => boolean;
  readonly actorOfSession: (ctx: Context) => Promise<Actor | null>;
  readonly actorOfToken: (token: string, ip: string) => Promise<Bearer | null>;
  /** Where everybody must go first, or null: the set-up page of a box without an administrator. */
  readonly gate: (path: string) => Promise<string | null>;
  readonly renderError: (ctx: Context, error: { readonly status: number; readonly title: string; readonly detail: string }) => Promise<string>;
  /** The routes as they are now; plugins come and go. */
  readonly routes: () => Middleware;
}

/** The Koa application: reads top to bottom as the way of a request. */
export function createHttp(parts: HttpParts): Koa {
  const { config, log, isApi } = parts;
  const isHttps = config.externalUrl.startsWith('https:');
  const app = new Koa();
  app.silent = true;
  app.on('error', (error: NodeJS.ErrnoException) => {
    // Browsers that leave in the middle of an answer are nobody's error.
    if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE')
      log.error({ error: error.message }, 'answer failed');
  });

  app.use(observe(parts.events, isApi));
  app.use(clientAddress(config.trustedProxies));
  app.use(securityHeaders(isHttps));
  app.use(strictTransport(parts.isPubliclyTrusted));
  app.use(parts.assets);
  app.use(compress({ threshold: 1024, filter: (type) => type !== 'text/event-stream' && /text|json|javascript|xml/.test(type), br: { params: {} } }));
  app.use(answerErrors(log, isApi, parts.renderError));
  app.use(refuseCrossSite((path) => isApi(path) || parts.isOpenToOtherSites(path)));
  app.use(trustOwnCookies(isHttps));
  app.use(skipFor(isApi, sessionMiddleware(app, parts.sessions, isHttps)));
  app.use(authenticate(parts));
  app.use(passGate(parts.gate));
  app.use(noStore());
  app.use(readBody());
  app.use((ctx, next) => parts.routes()(ctx, next));
  return app;
}

/** Behind a proxy that ends TLS the connection is plain, and Secure cookies must be set all the same. */
function trustOwnCookies(isHttps: boolean): Middleware {
  return async (ctx, next) => {
    ctx.cookies.secure = isHttps;
    await next();
  };
}

function skipFor(isSkipped: (path: string) => boolean, middleware: Middleware): Middleware {
  return (ctx, next) => (isSkipped(ctx.path) ? next() : middleware(ctx, next));
}

/** Finds out who asks: a bearer token on APIs, the session elsewhere; nobody otherwise. */
function authenticate({ isApi, actorOfSession, actorOfToken }: HttpParts): Middleware {
  return async (ctx, next) => {
    const actor = isApi(ctx.path) ? await byToken(ctx) : await actorOfSession(ctx);
    ctx.state['actor'] = actor ?? nobody(ctx.ip);
    await next();
  };

  async function byToken(ctx: Context): Promise<Actor | null> {
    const [, token] = /^Bearer +(\S+) *$/i.exec(ctx.get('authorization')) ?? [];
    const bearer = token === undefined ? null : await actorOfToken(token, ctx.ip);
    ctx.set(bearer?.headers ?? {});
    return bearer;
  }
}

function passGate(gate: HttpParts['gate']): Middleware {
  return async (ctx, next) => {
    const elsewhere = await gate(ctx.path);
    if (elsewhere === null) return next();
    ctx.redirect(elsewhere);
    ctx.status = 303;
  };
}

/** Pages show what is true now and for this person alone: nobody keeps a copy, not even the back button. */
function noStore(): Middleware {
  return async (ctx, next) => {
    ctx.set('Cache-Control', 'no-store');
    await next();
  };
}
