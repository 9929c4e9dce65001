import { createTestApp, type TestAnswer, type TestApp, type TestBrowser } from '../../support/app.ts';
import { type AskedFor, type Idp, readRequest, type Saying } from '../../support/saml-idp.ts';

export const PROVIDER = '/admin/settings/saml';

/** The form of a new provider, as a browser sends it with everything as it is proposed. */
export function formOf(idp: Pick<Idp, 'metadata'>, id = 'acme', changes: Readonly<Record<string, string>> = {}): Record<string, string> {
  const flags = { signRequests: 'on', signMetadata: 'on', requireSignedAssertion: 'on', emailIsVerified: 'on', autoCreateUsers: 'on', enabled: 'on' };
  const form = { id, label: `Sign in with ${id}`, metadata: idp.metadata(), ...flags, ...changes };
  return Object.fromEntries(Object.entries(form).filter(([, value]) => value !== ''));
}

/** A box that knows the provider. */
export async function boxWith(idp: Idp, changes: Readonly<Record<string, string>> = {}, options: Parameters<typeof createTestApp>[0] = {}): Promise<TestApp> {
  const box = await createTestApp(options);
  const admin = await box.signedIn();
  const answer = await admin.post(PROVIDER, formOf(idp, 'acme', changes));
  if (answer.status !== 303) throw new Error(`the provider was refused: ${answer.text}`);
  return box;
}

/** Begins to sign in, and answers what the provider is asked. */
export async function begin(browser: TestBrowser, id = 'acme', query = ''): Promise<AskedFor> {
  const answer = await browser.get(`/auth/saml/auth/signin/${id}${query}`);
  if (answer.status !== 303) throw new Error(`could not begin: ${answer.status} ${answer.text}`);
  return readRequest(answer.location);
}

/** What the provider's page makes a browser post: from another site, without cookies. */
export function bring(box: TestApp, response: string, id = 'acme', relayState = ''): Promise<TestAnswer> {
  const form = { SAMLResponse: response, ...(relayState ? { RelayState: relayState } : {}) };
  return box.browser().post(`/auth/saml/sp/consume/${id}`, form, { 'sec-fetch-site': 'cross-site', origin: 'https://idp.example' });
}

/** All of it: asks, answers, comes back. */
export async function signInThrough(
  box: TestApp,
  idp: Idp,
  saying: Saying = {},
  browser = box.browser(),
  query = '',
): Promise<TestAnswer & { readonly browser: TestBrowser }> {
  const asked = await begin(browser, 'acme', query);
  const brought = await bring(box, idp.answer(asked, { now: box.clock.now(), ...saying }));
  if (brought.status !== 303) return { ...brought, browser };
  return { ...(await browser.get(brought.location ?? '')), browser };
}

/** The email of whoever is signed in, or null. */
export async function whoIs(browser: TestBrowser): Promise<string | null> {
  const page = await browser.get('/account');
  return page.status === 200 ? (/<p class="text-secondary breakable">([^<]+)</.exec(page.text)?.[1] ?? '') : null;
}
