import { apiOf, type TestApi } from './api.ts';
import type { TestAnswer, TestApp, TestBrowser } from './app.ts';
import { createTestApp } from './app.ts';
import { CLIENT, startProvider, type TestProvider } from './oidc-provider.ts';

export const ORIGIN = 'http://localhost:13000';

/** A box with one provider, `google`, at which Alice has an account. */
export interface OidcBox extends TestApp {
  readonly provider: TestProvider;
  readonly api: TestApi;
  /** Another real provider, entered as `okta`. */
  addProvider(id: string, settings?: Readonly<Record<string, unknown>>): Promise<TestProvider>;
  configure(settings: Readonly<Record<string, unknown>>): Promise<void>;
  /** All the way: to the provider, back, and through the callback. */
  signIn(browser: TestBrowser, options?: { readonly as?: string; readonly returnTo?: string }): Promise<TestAnswer>;
  /** To the provider and back, but not yet through the callback: its path. */
  answerFor(browser: TestBrowser, options?: { readonly as?: string; readonly returnTo?: string }): Promise<string>;
}

type BoxOptions = NonNullable<Parameters<typeof createTestApp>[0]> & { readonly claimsInIdToken?: boolean };

export const ALICE = { email: 'alice@example.com', email_verified: true, name: 'Alice' };

export async function createOidcBox(
  settings: Readonly<Record<string, unknown>> = {},
  { claimsInIdToken = true, ...options }: BoxOptions = {},
): Promise<OidcBox> {
  const cleanUp = new AsyncDisposableStack();
  const box = cleanUp.use(await createTestApp(options));
  const api = await apiOf(box);

  async function addProvider(id: string, given: Readonly<Record<string, unknown>> = {}): Promise<TestProvider> {
    const provider = cleanUp.use(await startProvider([`${ORIGIN}/auth/oidc/${id}/callback`], { claimsInIdToken }));
    provider.people.set('alice', { ...ALICE });
    provider.loginAs = 'alice';
    const body = {
      id,
      label: id,
      discovery_document_uri: provider.issuer,
      client_id: CLIENT.id,
      client_secret: CLIENT.secret,
      may_reach_this_box: true,
      auto_create_users: true,
      ...given,
    };
    const answer = await api.call('POST', '/oidc-providers', body);
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
    return provider;
  }

  const provider = await addProvider('google', settings);
  const answerFor: OidcBox['answerFor'] = async (browser, { as = 'alice', returnTo } = {}) => {
    provider.loginAs = as;
    const begun = await browser.get(`/auth/oidc/google${returnTo === undefined ? '' : `?return_to=${encodeURIComponent(returnTo)}`}`);
    if (begun.location === null) throw new Error(`${begun.status}: ${begun.text}`);
    const back = await provider.visit(begun.location);
    return back.pathname + back.search;
  };

  return {
    ...box,
    provider,
    api,
    addProvider,
    async configure(given) {
      const answer = await api.call('PATCH', '/oidc-providers/google', given);
      if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
    },
    answerFor,
    signIn: async (browser, given) => browser.get(await answerFor(browser, given)),
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}
