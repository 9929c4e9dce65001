import type { ClientAuth, Configuration } from 'openid-client';
import { createWebFetch, type Secrets } from '#core';
import type { Metadata } from './discovery.ts';
import type { Provider } from './store.ts';

/** What of a provider's settings says who this box is there. */
export type ClientSettings = Pick<Provider, 'clientId' | 'clientSecret' | 'mayReachThisBox'>;

type Library = typeof import('openid-client');

const TIMEOUT_SECONDS = 10;

/** The library: 6 MB of memory that only boxes with a provider need, and only when somebody comes. */
export function loadLibrary(): Promise<Library> {
  return import('openid-client');
}

/**
 * This box as a client of the provider. Made anew for each use, so that the provider's keys are those of now; ID tokens are checked by
 * their signature always, also when TLS alone would do (OpenID Connect Core 1.0 §3.1.3.7), as plain http may be allowed.
 */
export async function openClient({ clientId, clientSecret, mayReachThisBox }: ClientSettings, metadata: Metadata, secrets: Secrets): Promise<Configuration> {
  const library = await loadLibrary();
  const secret = clientSecret === null ? null : secrets.open(clientSecret);
  const client = new library.Configuration(withoutAbsent(metadata), clientId, {}, authentication(library, metadata, secret));
  client.timeout = TIMEOUT_SECONDS;
  client[library.customFetch] = createWebFetch({ mayReachThisBox });
  library.enableNonRepudiationChecks(client);
  if (mayReachThisBox) library.allowInsecureRequests(client);
  return client;
}

/** In the request's body where the provider says that it reads that; HTTP Basic is what it must know otherwise (RFC 6749 §2.3.1). */
function authentication(library: Library, metadata: Metadata, secret: string | null): ClientAuth {
  if (secret === null) return library.None();
  const isPost = metadata.token_endpoint_auth_methods_supported?.includes('client_secret_post');
  return isPost ? library.ClientSecretPost(secret) : library.ClientSecretBasic(secret);
}

function withoutAbsent(metadata: Metadata) {
  const { issuer, ...others } = metadata;
  return { issuer, ...Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined)) };
}
