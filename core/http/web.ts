import type Koa from 'koa';
import type { Context, Middleware } from 'koa';
import type { Flows } from '../accounts/flows.ts';
import { type Actor, nobody } from '../accounts/permissions.ts';
import type { SessionData } from '../accounts/session-data.ts';
import type { SessionStore } from '../accounts/session-store.ts';
import { type User, userById } from '../accounts/store.ts';
import type { Config } from '../config.ts';
import type { Db } from '../db/open.ts';
import type { EventBus } from '../events/bus.ts';
import type { Reconciler } from '../net/reconcile.ts';
import type { Bearer, Brand } from '../plugin/contract.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { Paths } from '../system/paths.ts';
import { loadAssets } from './assets.ts';
import { mountRoutes } from './mount.ts';
import { localPath, type NavItem, type Route } from './route.ts';
import { createHttp } from './server.ts';
import { createShell, type Shell } from './shell.ts';
import { loadTemplates } from './templates.ts';

interface WebParts {
  readonly config: Config;
  readonly paths: Paths;
  readonly log: Log;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly db: Db;
  readonly sessions: SessionStore;
  readonly flows: Flows;
  readonly network: Pick<Reconciler, 'status' | 'settled'>;
  readonly provisional: () => Omit<NonNullable<Shell['provisional']>, 'secondsLeft'> | null;
  /** What every page tells the person signed in. */
  readonly noticesFor: (user: User) => Promise<Pick<Shell, 'unread' | 'vpnSession'>>;
  readonly isSetupNeeded: () => Promise<boolean>;
  readonly isPubliclyTrusted: () => boolean;
  readonly actorOfToken: (token: string, ip: string) => Promise<Bearer | null>;
  /** As they are now; asked for at each `remount`. */
  readonly routes: () => readonly Route[];
  readonly nav: () => readonly NavItem[];
  readonly brand: () => Promise<Brand>;
}

export interface Web {
  readonly http: Koa;
  /** Takes up the routes anew: plugins have come or gone. */
  remount(): void;
}

/** Longer, and the page says “being applied” instead of waiting. */
const SETTLE_MS = 1_000;

/** Everything between the socket and a page: who asks, the routes, templates and assets. */
export async function createWeb(parts: WebParts): Promise<Web> {
  const { db, network, clock } = parts;
  const assets = loadAssets(parts.paths.assets);
  const render = await loadTemplates(parts.paths.views);
  const mountParts = {
    renderView: async (ctx: Context, template: string, model: object) => render(template, { ...(await shellFor(ctx)), ...model }),
    settled: settle,
    flows: parts.flows,
    clock,
    origin: parts.config.externalUrl,
  };
  let router: Middleware = mountRoutes([], mountParts);
  let openPaths: readonly RegExp[] = [];
  let hasBeenSetUp = false;

  async function shellFor(ctx: Context): Promise<Shell> {
    const provisional = parts.provisional();
    const isFragment = ctx.get('hx-request') === 'true' && ctx.get('hx-boosted') !== 'true';
    return createShell({
      brand: await parts.brand(),
      actor: ctx.state['actor'] ?? nobody(ctx.ip),
      path: ctx.path,
      url: localPath(ctx.url),
      nav: parts.nav(),
      // A part that is refreshed meanwhile, in this window or another, has no place for it.
      flash: isFragment ? undefined : takeFlash(ctx),
      network: network.status(),
      provisional: provisional && { ...provisional, secondsLeft: Math.max(Math.ceil((provisional.expiresAt.getTime() - clock.now().getTime()) / 1_000), 0) },
      unread: ctx.state['unread'] ?? 0,
      vpnSession: ctx.state['vpnSession'] ?? null,
      theme: ctx.state['theme'] ?? 'auto',
      isFragment,
      asset: assets.url,
    });
  }

  async function actorOfSession(ctx: Context): Promise<Actor | null> {
    const { userId } = (ctx['session'] ?? {}) as SessionData;
    const user = userId === undefined ? null : await db.remembered(`user ${userId}`, () => userById(db, userId));
    if (user === null || user.disabledAt !== null) return null;
    const { unread, vpnSession } = await parts.noticesFor(user);
    Object.assign(ctx.state, { theme: user.theme, unread, vpnSession });
    const { localAddress = '', localPort = 0 } = ctx.req.socket;
    const arrivedAt = { address: localAddress.replace(/^::ffff:/, ''), port: localPort };
    return { userId: user.id, name: user.email, role: user.role, via: 'page', ip: ctx.ip, arrivedAt };
  }

  /** Until there is an administrator every page leads to the set-up. */
  async function gate(path: string): Promise<string | null> {
    hasBeenSetUp ||= !(await parts.isSetupNeeded());
    return hasBeenSetUp || path === '/setup' || path.startsWith('/api/') ? null : '/setup';
  }

  /** Gives the kernel a moment to follow; the answer does not wait longer for it. */
  async function settle(): Promise<void> {
    if (network.status().kind !== 'pending') return;
    let cancel = () => {};
    await Promise.race([network.settled(), new Promise<void>((resolve) => (cancel = clock.after(SETTLE_MS, resolve)))]);
    cancel();
  }

  const http = createHttp({
    ...parts,
    assets: assets.serve,
    // The reference is a page like others.
    isApi: (path) => (path.startsWith('/api/') && path !== '/api/docs') || path.startsWith('/v0/'),
    isOpenToOtherSites: (path) => openPaths.some((pattern) => pattern.test(path)),
    actorOfSession,
    gate,
    renderError: async (ctx, error) => render('core/error', { ...(await shellFor(ctx)), ...error }),
    routes: () => router,
  });
  return {
    http,
    remount() {
      const routes = parts.routes();
      router = mountRoutes(routes, mountParts);
      // Not by the router's own matching: it comes after the check.
      openPaths = routes.filter((route) => route.isOpenToOtherSites).map(({ path }) => new RegExp(`^${path.replace(/:[a-zA-Z]+/g, '[^/]+')}$`));
    },
  };
}

/** A message is shown once. */
function takeFlash(ctx: Context): SessionData['flash'] | undefined {
  const session = (ctx['session'] ?? {}) as SessionData;
  const { flash } = session;
  if (flash) delete session.flash;
  return flash;
}
