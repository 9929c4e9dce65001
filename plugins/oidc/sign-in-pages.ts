import {
  Conflict,
  Forbidden,
  type Host,
  leaveFor,
  localPath,
  NotFound,
  type PageRequest,
  type Reply,
  type Route,
  redirect,
  type SignInBrowser,
  type SignInMethod,
  TooManyRequests,
  Unauthenticated,
  Unavailable,
  type UserId,
  view,
} from '#core';
import { mayConnect } from './account-panel.ts';
import type { Connections } from './connections.ts';
import type { Begun, Flow, Proven } from './flow.ts';
import { enabledProviders, methodOf, type Provider, providerById } from './store.ts';
import { text } from './text.ts';

interface SignInPageParts extends Pick<Host, 'db' | 'signIn' | 'log' | 'secrets'> {
  readonly flow: Flow;
  readonly connections: Connections;
}

const ROOT = '/auth/oidc/:id';
const HELD_FOR_MS = 10 * 60_000;
const SHOWN = [Forbidden, Unauthenticated, Unavailable, Conflict, NotFound, TooManyRequests];

/** A button for each provider; none is asked anything before somebody presses it. */
export async function signInMethods({ db }: Pick<Host, 'db'>): Promise<readonly SignInMethod[]> {
  const offered = await db.remembered('oidc providers', () => enabledProviders(db));
  return offered.map(({ id, label }) => ({ id: methodOf(id), label, path: `/auth/oidc/${id}`, icon: 'login-2' }));
}

/** The way to a provider and back: to sign in, or to connect it to the account of who is signed in. */
export function signInPages(parts: SignInPageParts): readonly Route[] {
  const { db, signIn, log, secrets, flow, connections } = parts;

  async function offered(id: string | undefined): Promise<Provider> {
    const provider = await providerById(db, id ?? '');
    if (!provider?.enabled) throw new NotFound(text.signIn.unknown);
    return provider;
  }

  async function leave({ params, session, origin }: PageRequest, purpose: Pick<Begun, 'returnTo' | 'connectTo'>): Promise<Reply> {
    const provider = await offered(params['id']);
    const { to, begun } = await flow.begin(provider, { origin, ...purpose });
    await session.hold(methodOf(provider.id), begun, HELD_FOR_MS);
    return leaveFor(to);
  }

  async function comeBack(request: PageRequest): Promise<Reply> {
    const provider = await offered(request.params['id']);
    // Taken whatever the answer is, so that nothing can be tried twice.
    const begun = (await request.session.take(methodOf(provider.id))) as Begun | null;
    if (begun?.provider !== provider.id) throw new Unauthenticated(text.signIn.notBegun);
    if (begun.connectTo !== null && begun.connectTo !== request.actor.userId) throw new Forbidden(text.signIn.otherAccount);
    const proven = await flow.finish(provider, begun, request.query);
    return begun.connectTo === null ? enter(request, provider, begun, proven) : connect(request, provider, proven);
  }

  async function enter({ ip, session }: PageRequest, provider: Provider, { returnTo }: Begun, { identity, role, tokens }: Proven): Promise<Reply> {
    const { browser, person } = watched({ ip, session, returnTo });
    const proof = provider.trustedForSecondFactor ? 'all-factors' : 'first-factor';
    const next = await signIn.withIdentity(browser, identity, { mayCreate: provider.autoCreateUsers, role }, proof).catch(explainDisabled);
    if (person.id !== null) await connections.remember(person.id, provider, tokens);
    return redirect(next);
  }

  async function connect({ actor, session }: PageRequest, provider: Provider, { identity }: Proven): Promise<Reply> {
    await signIn.connect(actor, identity);
    session.flash('success', text.signIn.connected(provider.label));
    return redirect('/account');
  }

  /** Says on a page of its own what happened, with a way back, and once in the log. */
  const explained = (act: (request: PageRequest) => Promise<Reply>) => async (request: PageRequest) => {
    try {
      return await act(request);
    } catch (error) {
      const known = SHOWN.find((kind) => error instanceof kind) && (error as Forbidden);
      if (!known) throw error;
      log.info({ provider: request.params['id'], code: known.code, error: known.message, ...detailOf(known) }, 'sign-in through a provider failed');
      const [back, backLabel] = request.actor.role === 'nobody' ? ['/login', text.signIn.again] : ['/account', text.signIn.backToAccount];
      return view('oidc/failed', { title: text.signIn.title, message: known.message, back, backLabel }, known.status);
    }
  };

  return [
    {
      method: 'GET',
      path: ROOT,
      permission: 'public',
      handle: explained(async (request) => {
        const returnTo = localPath(request.query.get('return_to'));
        return request.actor.role === 'nobody' ? leave(request, { returnTo, connectTo: null }) : redirect(returnTo);
      }),
    },
    { method: 'GET', path: `${ROOT}/callback`, permission: 'public', handle: explained(comeBack) },
    {
      method: 'GET',
      path: `${ROOT}/connect`,
      permission: 'account.own',
      needsFreshProof: true,
      handle: explained(async (request) => {
        if (!mayConnect(secrets, request)) throw new Forbidden(text.signIn.notBegun);
        return leave(request, { returnTo: '/account', connectTo: request.actor.userId });
      }),
    },
  ];
}

/** Core begins the session; this is how the plugin learns whose it is. */
function watched({ session, ...browser }: SignInBrowser): { readonly browser: SignInBrowser; readonly person: { readonly id: UserId | null } } {
  const person: { id: UserId | null } = { id: null };
  const begin: SignInBrowser['session']['begin'] = async (data) => {
    person.id = data.userId ?? data.pending?.userId ?? null;
    await session.begin(data);
  };
  return { browser: { ...browser, session: { data: session.data, begin } }, person };
}

/** Core's words for it are about passwords. */
function explainDisabled(error: unknown): never {
  throw error instanceof Unauthenticated ? new Forbidden(text.signIn.disabled, { cause: error }) : error;
}

function detailOf({ detail, cause }: Forbidden): object {
  return { ...(detail === undefined ? {} : { detail }), ...(cause instanceof Error ? { cause: cause.message } : {}) };
}
