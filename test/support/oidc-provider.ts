import { createHmac, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type AdapterFactory } from 'oidc-provider';

type Json = Record<string, unknown>;

export const CLIENT = { id: 'wiregui', secret: 'the secret of the client' };

/** A real identity provider in the test's process, whose people sign in and agree without being asked. */
export interface TestProvider extends AsyncDisposable {
  readonly issuer: string;
  /** Subject → claims; whoever is taken out is refused at the next renewal. */
  readonly people: Map<string, Json>;
  /** The subject that signs in next. */
  loginAs: string;
  /** Changes what is answered at a path: `/token`. */
  readonly tamper: Map<string, (body: Json) => unknown>;
  /** Answers a path with this status instead. */
  readonly fail: Map<string, number>;
  /** Paths asked for so far. */
  readonly asked: string[];
  /** A person's browser at the provider: follows the address until it leads back to the box. */
  visit(address: string | null): Promise<URL>;
  /** The token with other claims, signed again: as the provider would, or with another header or key. */
  forge(token: unknown, claims: Json, header?: Json, key?: KeyObject | string): string;
}

const KEYS = generateKeyPairSync('rsa', { modulusLength: 2048 });
const KEY_ID = 'test';
// The one for tests, for each provider alone; its file has no types.
const MEMORY: string = 'oidc-provider/lib/adapters/memory_adapter.js';
const { createMemoryAdapter } = (await import(MEMORY)) as { createMemoryAdapter(): AdapterFactory };

export async function startProvider(
  redirectUris: readonly string[],
  { claimsInIdToken = true }: { readonly claimsInIdToken?: boolean } = {},
  signedOutUris: readonly string[] = ['http://localhost:13000/login'],
): Promise<TestProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const people = new Map<string, Json>();
  const tamper = new Map<string, (body: Json) => unknown>();
  const fail = new Map<string, number>();
  const asked: string[] = [];
  const control = { loginAs: '' };

  const provider = new Provider(issuer, {
    adapter: createMemoryAdapter(),
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        redirect_uris: [...redirectUris],
        post_logout_redirect_uris: [...signedOutUris],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
      },
    ],
    jwks: { keys: [{ ...KEYS.privateKey.export({ format: 'jwk' }), kid: KEY_ID, alg: 'RS256', use: 'sig' } as never] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
    scopes: ['openid', 'offline_access', 'email', 'profile'],
    conformIdTokenClaims: !claimsInIdToken,
    findAccount: (_ctx, id) => (people.has(id) ? { accountId: id, claims: () => ({ ...people.get(id), sub: id }) } : undefined),
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
    issueRefreshToken: (_ctx, client, code) => client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
    rotateRefreshToken: () => true,
    cookies: { keys: ['test'] },
    pkce: { required: () => true },
    ttl: { AccessToken: 60, AuthorizationCode: 60, IdToken: 60, RefreshToken: 86_400, Interaction: 60, Grant: 86_400, Session: 600 },
  });
  // Whoever hangs up in the middle of an answer is part of the tests.
  provider.silent = true;
  provider.use(async (ctx, next) => {
    asked.push(ctx.path);
    const status = fail.get(ctx.path);
    if (status !== undefined) {
      ctx.status = status;
      ctx.body = 'not now';
      return;
    }
    await next();
    const change = tamper.get(ctx.path);
    if (change) ctx.body = change(ctx.body as Json);
  });
  const answer = provider.callback();

  server.on('request', async (request, response) => {
    if (!request.url?.startsWith('/interaction/')) return answer(request, response);
    const { prompt, grantId, params, session } = await provider.interactionDetails(request, response);
    if (prompt.name === 'login')
      return provider.interactionFinished(request, response, { login: { accountId: control.loginAs } }, { mergeWithLastSubmission: false });
    const accountId = session?.accountId ?? '';
    const grant = (grantId ? await provider.Grant.find(grantId) : undefined) ?? new provider.Grant({ accountId, clientId: CLIENT.id });
    grant.addOIDCScope(String(params['scope']));
    grant.addOIDCClaims((prompt.details['missingOIDCClaims'] as string[] | undefined) ?? []);
    return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
  });

  return Object.assign(control, {
    issuer,
    people,
    tamper,
    fail,
    asked,
    visit: (address: string | null) => visit(issuer, address),
    forge,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

async function visit(issuer: string, address: string | null): Promise<URL> {
  const cookies = new Map<string, string>();
  let at = new URL(address ?? '');
  for (let hops = 0; at.origin === issuer; hops += 1) {
    const response = await fetch(at, { redirect: 'manual', headers: { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') } });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location === null || hops > 12) throw new Error(`${response.status} at ${at.href}: ${(await response.text()).slice(0, 300)}`);
    at = new URL(location, at);
  }
  return at;
}

function forge(token: unknown, changes: Json, header: Json = {}, key: KeyObject | string = KEYS.privateKey): string {
  const [protectedHeader = '', payload = ''] = String(token).split('.');
  const head = { ...decode(protectedHeader), ...header };
  const claims = Object.fromEntries(Object.entries({ ...decode(payload), ...changes }).filter(([, value]) => value !== undefined));
  const signed = `${encode(head)}.${encode(claims)}`;
  if (head['alg'] === 'none') return `${signed}.`;
  if (typeof key === 'string') return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(key, 'base64url')}`;
}

function decode(part: string): Json {
  return JSON.parse(Buffer.from(part, 'base64url').toString());
}

function encode(value: Json): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
