import { type Actor, authorize, createWebFetch, type Host, InvalidInput, parse } from '#core';
import { type ClientSettings, loadLibrary, openClient } from './client.ts';
import { discover, type Metadata, type Place } from './discovery.ts';
import { codeOf, oauthErrorOf, wantsRenewal } from './flow.ts';
import { isOtherClient } from './providers.ts';
import { type NewProvider, newProvider, refuseContradictions } from './schema.ts';
import { type Provider, providerById } from './store.ts';
import { text } from './text.ts';

/** One thing that was looked at, in a sentence. */
export interface Finding {
  readonly kind: 'good' | 'bad' | 'unknown';
  readonly sentence: string;
}

/** Tries a provider's settings without saving them. Throws InvalidInput by field. */
export type CheckProvider = (actor: Actor, input: unknown) => Promise<readonly Finding[]>;

export function createCheck({ db, secrets }: Pick<Host, 'db' | 'secrets'>): CheckProvider {
  return async (actor, input) => {
    authorize(actor, 'settings.manage');
    const given = parse(newProvider, input);
    refuseContradictions(given);
    const settings = { ...given, clientSecret: await secretFor(given) };
    const metadata = await discover(settings).catch((error: unknown) => reasonOf(error));
    if (typeof metadata === 'string') return [bad(text.check.failed(metadata))];
    return [
      good(text.check.discovery(metadata.issuer)),
      good(text.check.endpoints),
      pkce(metadata),
      await keys(settings, metadata),
      await client(settings, metadata),
      ...(wantsRenewal(given) ? [renewal(metadata)] : []),
      ...(metadata.userinfo_endpoint === undefined ? [unknown(text.check.noUserinfo)] : []),
      ...(metadata.end_session_endpoint === undefined ? [] : [good(text.check.signOut)]),
    ];
  };

  /** What was entered, or else what is kept for the same client at the same place: it is sent nowhere else. */
  async function secretFor(given: NewProvider): Promise<Provider['clientSecret']> {
    if (given.clientSecret !== null) return secrets.seal(given.clientSecret);
    const present = await providerById(db, given.id);
    if (present === null || present.clientSecret === null) return null;
    if (isOtherClient(present, given)) throw new InvalidInput({ clientSecret: [text.providers.secretAgain] });
    return present.clientSecret;
  }

  /** A code that was never given is refused only after the client was accepted (RFC 6749 §5.2): that tells whether it is. */
  async function client(settings: ClientSettings, metadata: Metadata): Promise<Finding> {
    const library = await loadLibrary();
    try {
      const made = await openClient(settings, metadata, secrets);
      const never = { code: library.randomState(), redirect_uri: 'https://localhost/', code_verifier: library.randomPKCECodeVerifier() };
      await library.genericGrantRequest(made, 'authorization_code', never);
    } catch (error) {
      if (oauthErrorOf(error) === 'invalid_grant') return good(text.check.client);
      const isRefused = oauthErrorOf(error) === 'invalid_client' || oauthErrorOf(error) === 'unauthorized_client';
      if (isRefused || codeOf(error) === 'OAUTH_WWW_AUTHENTICATE_CHALLENGE') return bad(text.check.clientWrong);
    }
    return unknown(text.check.clientUntested);
  }
}

function pkce({ code_challenge_methods_supported: methods }: Metadata): Finding {
  if (methods === undefined) return unknown(text.check.pkceUnsaid);
  return methods.includes('S256') ? good(text.check.pkce) : bad(text.check.pkceMissing);
}

function renewal({ scopes_supported: scopes }: Metadata): Finding {
  return scopes === undefined || scopes.includes('offline_access') ? good(text.check.renewal) : unknown(text.check.renewalMissing);
}

async function keys({ mayReachThisBox }: Place, { jwks_uri }: Metadata): Promise<Finding> {
  try {
    const response = await createWebFetch({ mayReachThisBox })(jwks_uri, { headers: { accept: 'application/json' }, redirect: 'manual' });
    const set = (await response.json()) as { readonly keys?: unknown } | null;
    // An oct key would be a secret, which nobody publishes (RFC 7517).
    const usable = (Array.isArray(set?.keys) ? set.keys : []).filter((key) => ['RSA', 'EC', 'OKP'].includes(key?.kty) && key.use !== 'enc');
    return usable.length > 0 ? good(text.check.keys(usable.length)) : bad(text.check.noKeys);
  } catch (error) {
    return bad(text.check.keysUnread(reasonOf(error)));
  }
}

const good = (sentence: string): Finding => ({ kind: 'good', sentence });
const bad = (sentence: string): Finding => ({ kind: 'bad', sentence });
const unknown = (sentence: string): Finding => ({ kind: 'unknown', sentence });

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
