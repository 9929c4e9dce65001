import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import type { Flows } from '../accounts/flows.ts';
import { requireFreshProof } from '../accounts/fresh-proof.ts';
import { type Actor, authorize } from '../accounts/permissions.ts';
import { ProofNeeded, Unauthenticated, Unavailable } from '../errors.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';
import type { RequestBody } from './body.ts';
import { localPath, type PageRequest, type Reply, type Route, redirect } from './route.ts';
import { requestSession } from './session.ts';
import { readUpload } from './upload.ts';

export interface MountParts {
  readonly renderView: (ctx: Context, template: string, model: object) => Promise<string>;
  /** Waits, a little, until what a change asked of the kernel has been done. */
  readonly settled: () => Promise<unknown>;
  readonly flows: Flows;
  readonly clock: Clock;
  readonly origin: string;
}

interface Mounted extends MountParts {
  /** Paths that can be opened. */
  readonly pages: ReadonlySet<string>;
}

/** One middleware that answers all the routes. A route that names no permission is an error in the program. */
export function mountRoutes(routes: readonly Route[], parts: MountParts): Middleware {
  // As they are written: what is no API by its path must not become one.
  const router = new Router({ sensitive: true });
  const pages = new Set(routes.filter(({ method }) => method === 'GET').map(({ path }) => path));
  for (const route of routes) {
    if (!route.permission) throw new Error(`${route.method} ${route.path} names no permission`);
    router.register(route.path, [route.method], async (ctx: Context) => answer(ctx, route, { ...parts, pages }));
  }
  return router.routes() as unknown as Middleware;
}

async function answer(ctx: Context, route: Route, parts: Mounted): Promise<void> {
  const request = readRequest(ctx, parts);
  if (isSignInNeeded(ctx, request.actor, route)) {
    ctx.redirect(signInPath(ctx));
    ctx.status = 303;
    return;
  }
  if (route.permission !== 'public') authorize(request.actor, route.permission);
  const reply = await handle(ctx, route, request, parts);
  if (ctx.method !== 'GET') await parts.settled();
  await send(ctx, reply, parts);
}

async function handle(ctx: Context, route: Route, request: PageRequest, { clock, pages }: Mounted): Promise<Reply> {
  try {
    if (route.needsFreshProof) requireFreshProof(request.session.data, clock.now());
    return await route.handle(request);
  } catch (error) {
    if (!(error instanceof ProofNeeded)) throw error;
    // Back to where there is a page; a query may hold what is good for this session alone.
    const back = pages.has(route.path) && ctx.querystring === '' ? ctx.path : '/account';
    return redirect(`/account/prove?return_to=${encodeURIComponent(back)}`);
  }
}

/** A person who opens a page is led to the sign-in page; scripts and live streams are refused instead. */
function isSignInNeeded(ctx: Context, actor: Actor, route: Route): boolean {
  return actor.role === 'nobody' && route.permission !== 'public' && route.auth !== 'bearer' && ctx.get('accept').includes('text/html');
}

/** Where to go on afterwards stands in the address: a visitor who is nobody costs no row in the database. */
function signInPath(ctx: Context): string {
  const path = ctx.method === 'GET' ? localPath(ctx.url) : '/';
  return path === '/' ? '/login' : `/login?return_to=${encodeURIComponent(path)}`;
}

function readRequest(ctx: Context, { flows, origin }: MountParts): PageRequest {
  const actor: Actor = ctx.state['actor'];
  if (actor === undefined) throw new Unauthenticated('');
  const { form, json } = ctx.state['body'] as RequestBody;
  return {
    actor,
    params: ctx['params'] as Record<string, string>,
    query: new URLSearchParams(ctx.querystring),
    form,
    body: json,
    headers: ctx.headers,
    url: ctx.url,
    ip: ctx.ip,
    origin,
    session: requestSession(ctx, flows),
    upload: (field, largestBytes) => readUpload(ctx.req, field, largestBytes),
  };
}

async function send(ctx: Context, reply: Reply, parts: MountParts): Promise<void> {
  if (reply.kind === 'redirect' || reply.kind === 'departure') {
    ctx.redirect(reply.kind === 'redirect' ? localPath(reply.to) : webAddress(reply.to));
    ctx.status = 303;
    return;
  }
  if (reply.kind === 'empty') {
    ctx.set(reply.headers ?? {});
    ctx.status = reply.status;
    ctx.body = null;
    return;
  }
  if (reply.kind === 'json') {
    ctx.set(reply.headers);
    ctx.status = reply.status;
    ctx.body = reply.body === undefined ? null : JSON.stringify(reply.body);
    ctx.type = 'json';
    return;
  }
  if (reply.kind === 'view') {
    ctx.status = reply.status;
    ctx.type = 'html';
    ctx.body = await parts.renderView(ctx, reply.template, reply.model);
    return;
  }
  if (reply.kind === 'download') ctx.attachment(reply.fileName);
  else ctx.set(reply.headers);
  ctx.type = reply.type;
  ctx.body = reply.body;
}

function webAddress(to: URL): string {
  if (to.protocol !== 'https:' && to.protocol !== 'http:') throw new Unavailable(en.web.notWeb(to.protocol));
  return to.href;
}
