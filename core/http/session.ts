import type Koa from 'koa';
import type { Context, Middleware } from 'koa';
import { createSession } from 'koa-session';
import type { Flows } from '../accounts/flows.ts';
import type { SessionData } from '../accounts/session-data.ts';
import { SESSION_IDLE_MS, type SessionStore } from '../accounts/session-store.ts';
import { hashToken, randomToken } from '../system/secrets.ts';
import type { RequestSession } from './route.ts';

/** koa-session over our table. The cookie holds 256 random bits; only their hash is stored. */
export function sessionMiddleware(app: Koa, store: SessionStore, isHttps: boolean): Middleware {
  return createSession(
    {
      key: isHttps ? '__Host-wiregui' : 'wiregui',
      maxAge: SESSION_IDLE_MS,
      rolling: false,
      renew: true,
      httpOnly: true,
      secure: isHttps,
      sameSite: 'lax',
      signed: false,
      genid: () => randomToken(),
      store: {
        async get(id: string, _maxAge: number, { ctx }: { ctx: Context }) {
          const data = await store.read(id, visitorOf(ctx));
          if (data !== null) Object.assign(ctx.state, { sessionId: id, storedSessionId: id });
          return data;
        },
        async set(id: string, session: SessionData, _maxAge: number, { ctx }: { ctx: Context }) {
          const data = dataOf(session);
          if (ctx.state['storedSessionId'] === id) return store.update(id, data);
          ctx.state['storedSessionId'] = id;
          await store.create(id, data, visitorOf(ctx));
        },
        destroy: (id: string) => store.destroy(id),
      },
    } as Parameters<typeof createSession>[0],
    app,
  );
}

function visitorOf(ctx: Context) {
  return { ip: ctx.ip, userAgent: ctx.get('user-agent').slice(0, 512) || null };
}

/** What pages may do with the session of this request. */
export function requestSession(ctx: Context, flows: Flows): RequestSession {
  const session = () => ctx['session'] as (SessionData & { regenerate(): Promise<void> }) | null;
  return {
    data: session() ?? {},
    hash: typeof ctx.state['sessionId'] === 'string' ? hashToken(ctx.state['sessionId']) : null,
    async begin(data) {
      ctx['session'] = { ...data };
      await session()?.regenerate();
    },
    end() {
      ctx['session'] = null;
    },
    flash(kind, message, undo) {
      Object.assign(session() ?? {}, { flash: { kind, message, ...(undo ? { undo } : {}) } });
    },
    async hold(kind, data, forMs) {
      const ticket = await flows.hold(kind, data, forMs);
      Object.assign(session() ?? {}, { tickets: { ...session()?.tickets, [kind]: ticket } });
    },
    async take(kind) {
      const { [kind]: ticket, ...others } = session()?.tickets ?? {};
      if (ticket === undefined) return null;
      Object.assign(session() ?? {}, { tickets: others });
      return flows.take(kind, ticket);
    },
  };
}

// koa-session keeps its own fields (`_expire`, `_maxAge`) in the data; ours are the others.
function dataOf(session: SessionData): SessionData {
  return Object.fromEntries(Object.entries(session).filter(([key]) => !key.startsWith('_'))) as SessionData;
}
