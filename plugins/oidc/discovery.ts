import { z } from 'zod';
import { type Clock, createWebFetch, Unavailable } from '#core';
import type { Provider } from './store.ts';
import { text } from './text.ts';

/** What of a provider's settings decides where it is found. */
export type Place = Pick<Provider, 'discoveryDocumentUri' | 'mayReachThisBox'>;

const strings = z.array(z.string()).optional().catch(undefined);
const address = z.url({ protocol: /^https?$/ });

/** What is used of a discovery document (OpenID Connect Discovery 1.0 §3); all else is left out. */
const document = z.object({
  issuer: address,
  authorization_endpoint: address,
  token_endpoint: address,
  jwks_uri: address,
  userinfo_endpoint: address.optional(),
  end_session_endpoint: address.optional().catch(undefined),
  scopes_supported: strings,
  code_challenge_methods_supported: strings,
  token_endpoint_auth_methods_supported: strings,
  id_token_signing_alg_values_supported: strings,
  authorization_response_iss_parameter_supported: z.boolean().optional().catch(undefined),
});

export type Metadata = z.output<typeof document>;

const ENDPOINTS = ['issuer', 'authorization_endpoint', 'token_endpoint', 'jwks_uri', 'userinfo_endpoint', 'end_session_endpoint'] as const;
const WELL_KNOWN = '/.well-known/openid-configuration';
const LARGEST_BYTES = 262_144;
const KEPT_FOR_MS = 3_600_000;

/** Asks the provider for its discovery document. Throws Unavailable, saying what is wrong with it. */
export async function discover({ discoveryDocumentUri, mayReachThisBox }: Place): Promise<Metadata> {
  const url = new URL(discoveryDocumentUri);
  const base = url.pathname.endsWith(WELL_KNOWN) ? url.pathname.slice(0, -WELL_KNOWN.length) : url.pathname.replace(/\/$/, '');
  url.pathname = base + WELL_KNOWN;
  const fetchWeb = createWebFetch({ mayReachThisBox, largestBytes: LARGEST_BYTES });
  const response = await fetchWeb(url, { headers: { accept: 'application/json' }, redirect: 'manual' });
  if (response.status !== 200) throw new Unavailable(text.discovery.status(url.host, response.status));
  const result = document.safeParse(readJson(await response.text(), url.host));
  if (!result.success) throw new Unavailable(text.discovery.wrong(String(result.error.issues[0]?.path[0] ?? 'JSON')));
  refuseWrong(result.data, `${url.origin}${base}`, mayReachThisBox);
  return result.data;
}

/** Keeps what was read for an hour; nothing is asked before it is needed, and who asks meanwhile waits for the same answer. */
export function createDiscovery(clock: Clock) {
  const known = new Map<string, { readonly untilMs: number; readonly metadata: Promise<Metadata> }>();

  return {
    async of(place: Place): Promise<Metadata> {
      const key = `${place.mayReachThisBox} ${place.discoveryDocumentUri}`;
      const now = clock.now().getTime();
      const present = known.get(key);
      if (present && present.untilMs > now) return present.metadata;
      const metadata = discover(place);
      known.set(key, { untilMs: now + KEPT_FOR_MS, metadata });
      metadata.catch(() => known.delete(key));
      return metadata;
    },
    /** Something did not fit any more: it is read anew next time. */
    forget: () => known.clear(),
  };
}

export type Discovery = ReturnType<typeof createDiscovery>;

/** A document found at one issuer's place that speaks for another would let that one answer for it (OpenID Connect Discovery 1.0 §4.3). */
function refuseWrong(metadata: Metadata, expectedIssuer: string, mayUsePlainHttp: boolean): void {
  const bare = (issuer: string) => issuer.replace(/\/$/, '');
  if (bare(metadata.issuer) !== bare(expectedIssuer)) throw new Unavailable(text.discovery.issuer(expectedIssuer, metadata.issuer.slice(0, 200)));
  const insecure = ENDPOINTS.find((name) => metadata[name]?.startsWith('http:'));
  if (insecure && !mayUsePlainHttp) throw new Unavailable(text.discovery.plainHttp(insecure));
}

function readJson(body: string, host: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new Unavailable(text.discovery.notJson(host), { cause });
  }
}
