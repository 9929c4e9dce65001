import { type Actor, Forbidden, type Host, localPath, NotFound, type PageRequest, type SignInMethod, Unauthenticated } from '#core';
import { checkAssertion } from './assertion.ts';
import { personOf } from './person.ts';
import { orRefuse, readResponse } from './response.ts';
import { newRequestId, ROOT, type ServiceProvider, serviceProviderFacts } from './service-provider.ts';
import { allProviders, type Exchange, type Provider, providerById } from './store.ts';
import { text } from './text.ts';

/** What a browser wants of a provider. */
type Purpose = { readonly kind: 'sign-in'; readonly returnTo: string } | { readonly kind: 'connect'; readonly userId: string };

interface Begun {
  readonly providerId: string;
  readonly requestId: string;
  readonly purpose: Purpose;
}

export interface SamlSignIn {
  methods(): Promise<readonly SignInMethod[]>;
  /** Throws NotFound. */
  known(id: string | undefined): Promise<Provider>;
  /** Known, and people may sign in through it; or throws NotFound. */
  enabled(id: string | undefined): Promise<Provider>;
  /** Where the browser goes to sign in there; what it comes back for is held in its session. */
  begin(request: PageRequest, provider: Provider, purpose: Purpose): Promise<URL>;
  /** Takes in what a provider makes a browser post; the answer is the path where that browser shows that it began. */
  consume(request: PageRequest, provider: Provider): Promise<string>;
  /** The browser is back: signs it in, or connects the identity; answers where it goes on. */
  finish(request: PageRequest, provider: Provider): Promise<string>;
}

/** Long enough for a second factor there; the same as core's own patience. */
const BEGUN_FOR_MS = 10 * 60_000;
/** The browser comes for it by itself, at once. */
const TICKET_FOR_MS = 60_000;
const HELD = 'saml';

export function methodId(providerId: string): string {
  return `saml:${providerId}`;
}

type SignInParts = Pick<Host, 'db' | 'clock' | 'log' | 'signIn'> & { readonly serviceProvider: ServiceProvider; readonly exchange: Exchange };

export function createSamlSignIn({ db, clock, log, signIn, serviceProvider, exchange }: SignInParts): SamlSignIn {
  async function known(id: string | undefined): Promise<Provider> {
    const provider = await providerById(db, id ?? '');
    if (provider === null) throw new NotFound(text.unknown);
    return provider;
  }

  return {
    known,
    async methods() {
      const offered = (await allProviders(db)).filter(({ enabled }) => enabled);
      return offered.map(({ id, label }) => ({ id: methodId(id), label, path: `${ROOT}/auth/signin/${id}`, icon: 'login-2' }));
    },
    async enabled(id) {
      const provider = await known(id);
      if (!provider.enabled) throw new NotFound(text.unknown);
      return provider;
    },
    async begin({ origin, session }, provider, purpose) {
      const requestId = newRequestId();
      const url = await serviceProvider.requestUrl(origin, provider, requestId);
      await exchange.expect(requestId, provider.id, BEGUN_FOR_MS);
      const begun: Begun = { providerId: provider.id, requestId, purpose };
      await session.hold(HELD, begun, BEGUN_FOR_MS);
      return url;
    },
    async consume({ form, origin }, provider) {
      const facts = serviceProviderFacts(origin, provider.id);
      const isExpected = (requestId: string) => exchange.isExpected(requestId, provider.id);
      const { requestId, person, id, usableUntil } = await orRefuse(async () => {
        const { requestId, assertion } = await readResponse(form.get('SAMLResponse') ?? '', { provider, facts, isExpected });
        const checked = checkAssertion(assertion, { provider, facts, requestId, now: clock.now() });
        return { requestId, ...checked, person: personOf(assertion, provider) };
      });
      const used = { issuer: provider.entityId, id, usableUntil };
      const ticket = await exchange.accept({ requestId, providerId: provider.id, assertion: used, person }, TICKET_FOR_MS);
      if (ticket === null) throw new Forbidden(text.refused(text.why.used));
      log.info({ provider: provider.id }, 'SAML answer accepted');
      return `${ROOT}/finish/${provider.id}?ticket=${ticket}`;
    },
    async finish({ actor, ip, query, session }, provider) {
      const answer = await exchange.collect(query.get('ticket') ?? '');
      const begun = (await session.take(HELD)) as Begun | null;
      if (answer === null || begun === null) throw new Unauthenticated(text.startAgain);
      const isSame = answer.requestId === begun.requestId && answer.providerId === provider.id && begun.providerId === provider.id;
      if (!isSame) throw new Forbidden(text.otherBrowser);
      const { role, ...proven } = answer.person;
      const identity = { provider: methodId(provider.id), ...proven, isEmailVerified: provider.emailIsVerified };
      if (begun.purpose.kind === 'connect') {
        refuseAnother(actor, begun.purpose.userId);
        await signIn.connect(actor, identity);
        session.flash('success', text.connected(provider.label));
        return '/account';
      }
      const browser = { ip, session, returnTo: localPath(begun.purpose.returnTo) };
      const policy = { mayCreate: provider.autoCreateUsers, role: role ?? undefined };
      return signIn.withIdentity(browser, identity, policy, provider.trustedForSecondFactor ? 'all-factors' : 'first-factor');
    },
  };
}

/** Whoever wanted to connect it must still be the one who is signed in. */
function refuseAnother(actor: Actor, userId: string): void {
  if (actor.userId !== userId) throw new Forbidden(text.otherBrowser);
}
