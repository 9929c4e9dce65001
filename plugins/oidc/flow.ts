import type { Configuration } from 'openid-client';
import { Forbidden, type Host, type IdentityPolicy, type ProvenIdentity, Unauthenticated, Unavailable, type UserId } from '#core';
import { type Claims, emailIn, isComplete, isDomainAllowed, roleIn } from './claims.ts';
import { loadLibrary, openClient } from './client.ts';
import type { Discovery, Metadata } from './discovery.ts';
import { methodOf, type Provider } from './store.ts';
import { text } from './text.ts';

/** What a sign-in that was begun must remember until it comes back; kept on the server for this browser alone. */
export interface Begun {
  readonly provider: string;
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly redirectUri: string;
  readonly returnTo: string;
  /** Whose account the identity is to be connected to; null: somebody signs in. */
  readonly connectTo: UserId | null;
}

/** What a sign-in that has come back has proved. */
export interface Proven {
  readonly identity: ProvenIdentity;
  readonly role: IdentityPolicy['role'];
  readonly tokens: Tokens;
}

export interface Tokens {
  readonly refreshToken: string | null;
  readonly idToken: string | null;
  readonly endSessionEndpoint: string | null;
}

export interface Flow {
  /** Where the browser goes to sign in, and what to hold until it comes back. Throws Unavailable. */
  begin(provider: Provider, purpose: Pick<Begun, 'returnTo' | 'connectTo'> & { readonly origin: string }): Promise<{ readonly to: URL; readonly begun: Begun }>;
  /** Checks the answer that the browser has brought, and redeems its code. Throws Unauthenticated, Forbidden or Unavailable, saying why to a person. */
  finish(provider: Provider, begun: Begun, answer: URLSearchParams): Promise<Proven>;
}

export function createFlow({ secrets }: Pick<Host, 'secrets'>, discovery: Discovery): Flow {
  async function redeem(provider: Provider, metadata: Metadata, begun: Begun, answer: URLSearchParams): Promise<Proven> {
    const library = await loadLibrary();
    const client = await openClient(provider, metadata, secrets);
    const address = new URL(begun.redirectUri);
    address.search = answer.toString();
    const granted = await library.authorizationCodeGrant(client, address, {
      expectedState: begun.state,
      expectedNonce: begun.nonce,
      pkceCodeVerifier: begun.verifier,
      idTokenExpected: true,
    });
    const claims = granted.claims();
    // The library lets an empty subject pass, and everybody without one would be the same person.
    if (!claims?.sub) throw new Forbidden(text.signIn.wrongAnswer(provider.label));
    const sources = [claims, ...(isComplete(claims, provider) ? [] : await userinfo(client, metadata, granted.access_token, claims.sub))];
    const email = emailIn(sources);
    if (!isDomainAllowed(email, provider.allowedDomains)) throw new Forbidden(text.signIn.domain(provider.label));
    return {
      identity: { provider: methodOf(provider.id), issuer: claims.iss, subject: claims.sub, ...email },
      role: roleIn(sources, provider),
      tokens: {
        refreshToken: wantsRenewal(provider) ? (granted.refresh_token ?? null) : null,
        idToken: granted.id_token ?? null,
        endSessionEndpoint: metadata.end_session_endpoint ?? null,
      },
    };
  }

  return {
    async begin(provider, { origin, returnTo, connectTo }) {
      try {
        const metadata = await discovery.of(provider);
        const library = await loadLibrary();
        const client = await openClient(provider, metadata, secrets);
        const [state, nonce, verifier] = [library.randomState(), library.randomNonce(), library.randomPKCECodeVerifier()];
        const redirectUri = redirectUriOf(origin, provider);
        const to = library.buildAuthorizationUrl(client, {
          redirect_uri: redirectUri,
          state,
          nonce,
          code_challenge: await library.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
          ...scopeFor(provider, metadata),
        });
        return { to, begun: { provider: provider.id, state, nonce, verifier, redirectUri, returnTo, connectTo } };
      } catch (error) {
        throw forPeople(error, provider);
      }
    },
    async finish(provider, begun, answer) {
      try {
        return await redeem(provider, await discovery.of(provider), begun, answer);
      } catch (error) {
        if (codeOf(error) === 'OAUTH_KEY_SELECTION_FAILED') discovery.forget();
        throw forPeople(error, provider);
      }
    },
  };
}

/** What the provider must have registered. */
export function redirectUriOf(origin: string, { id, trailingSlash }: Pick<Provider, 'id' | 'trailingSlash'>): string {
  return `${origin}/auth/oidc/${id}/callback${trailingSlash ? '/' : ''}`;
}

/** Whether sign-ins through it are to be renewed. */
export function wantsRenewal({ scope }: Pick<Provider, 'scope'>): boolean {
  return scope.split(' ').includes('offline_access');
}

/** A refresh token comes only with the person's consent (OpenID Connect Core 1.0 §11). Google knows no scope for it, but a parameter. */
function scopeFor({ scope }: Pick<Provider, 'scope'>, { scopes_supported: known }: Metadata): Record<string, string> {
  if (!wantsRenewal({ scope })) return { scope };
  if (known === undefined || known.includes('offline_access')) return { scope, prompt: 'consent' };
  const others = scope.split(' ').filter((name) => name !== 'offline_access');
  return { scope: others.join(' '), access_type: 'offline', prompt: 'consent' };
}

async function userinfo(client: Configuration, metadata: Metadata, accessToken: string, subject: string): Promise<readonly Claims[]> {
  if (metadata.userinfo_endpoint === undefined) return [];
  const library = await loadLibrary();
  return [await library.fetchUserInfo(client, accessToken, subject)];
}

/** What a person reads instead of the library's or the provider's own words, which stay in the log. */
function forPeople(error: unknown, { label }: Provider): Error {
  if (error instanceof Forbidden) return error;
  const options = { cause: error, detail: { code: codeOf(error), error: oauthErrorOf(error) } };
  const code = options.detail.code;
  if (error instanceof Unavailable || causeOf(error) instanceof Unavailable || code === 'OAUTH_TIMEOUT')
    return new Unavailable(text.signIn.unreachable(label), options);
  const oauthError = oauthErrorOf(error);
  if (code === 'OAUTH_AUTHORIZATION_RESPONSE_ERROR')
    return oauthError === 'access_denied'
      ? new Forbidden(text.signIn.denied(label), options)
      : new Unavailable(text.signIn.providerError(label, oauthError ?? 'error'), options);
  if (code === 'OAUTH_RESPONSE_BODY_ERROR' && oauthError === 'invalid_grant') return new Unauthenticated(text.signIn.wrongAnswer(label), options);
  if (code === 'OAUTH_RESPONSE_BODY_ERROR' || code === 'OAUTH_WWW_AUTHENTICATE_CHALLENGE') return new Unavailable(text.signIn.misconfigured(label), options);
  return code === undefined ? asError(error) : new Unauthenticated(text.signIn.wrongAnswer(label), options);
}

/** The library's stable code of what went wrong; undefined for what is no error of it. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('OAUTH_') ? error.code : undefined;
}

/** The error code that the provider answered, if it looks like one (RFC 6749 §5.2). */
export function oauthErrorOf(error: unknown): string | undefined {
  return error instanceof Error && 'error' in error && typeof error.error === 'string' && /^[a-z_]{1,40}$/.test(error.error) ? error.error : undefined;
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
