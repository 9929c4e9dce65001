import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApp } from '../../support/app.ts';
import { createTestApp } from '../../support/app.ts';
import { PHP_USER, startSimpleSamlPhp } from '../../support/simplesamlphp.ts';
import { bring, PROVIDER, whoIs } from './box.ts';

describe('SimpleSAMLphp', () => {
  let provider: Awaited<ReturnType<typeof startSimpleSamlPhp>>;
  let box: TestApp;
  beforeAll(async () => {
    provider = await startSimpleSamlPhp();
    box = await createTestApp();
    // Its answers are of today.
    box.clock.advance(Date.now() - box.clock.now().getTime());
  });
  afterAll(async () => {
    await box[Symbol.asyncDispose]();
    await provider[Symbol.asyncDispose]();
  });

  /** Signs in at the provider as a browser does, and answers what its last form sends. */
  async function answerOf(address: string): Promise<string> {
    const cookies = new Map<string, string>();
    const open = async (url: string, body?: URLSearchParams): Promise<{ readonly url: string; readonly text: string }> => {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(url, { redirect: 'manual', headers: { cookie }, ...(body ? { method: 'POST', body } : {}) });
      for (const line of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
        cookies.set(name, value);
      }
      const next = response.headers.get('location');
      return next === null ? { url, text: await response.text() } : open(new URL(next, url).href);
    };
    const fieldOf = (text: string, name: string) => unescaped(new RegExp(`name="${name}" value="([^"]*)"`).exec(text)?.[1] ?? '');
    const login = await open(address);
    const form = new URLSearchParams({ username: PHP_USER.name, password: PHP_USER.password, AuthState: fieldOf(login.text, 'AuthState') });
    const answer = await open(login.url, form);
    const said = fieldOf(answer.text, 'SAMLResponse');
    if (said === '') throw new Error(`no answer: ${answer.text.slice(0, 2_000)} ${provider.output().slice(-2_000)}`);
    return said;
  }

  it('takes our metadata and signed requests, and its answers sign people in with email and groups', async () => {
    const admin = await box.signedIn();
    const flags = { signRequests: 'on', signMetadata: 'on', requireSignedAssertion: 'on', requireSignedResponse: 'on', emailIsVerified: 'on' };
    const mapping = { emailAttribute: 'email', groupsAttribute: 'groups', adminGroups: PHP_USER.groups.join('\n'), autoCreateUsers: 'on', enabled: 'on' };
    const form = { id: 'php', label: 'PHP', metadataUrl: provider.metadataUrl, mayReachThisBox: 'on', ...flags, ...mapping };
    expect((await admin.post(PROVIDER, form)).location).toBe(`${PROVIDER}/php`);
    provider.register((await box.browser().get('/auth/saml/sp/metadata/php')).text);

    const visitor = box.browser();
    const { location } = await visitor.get('/auth/saml/auth/signin/php?return_to=/admin/users');
    const brought = await bring(box, await answerOf(location ?? ''), 'php');
    expect((await visitor.get(brought.location ?? '')).location).toBe('/admin/users');
    expect(await whoIs(visitor)).toBe(PHP_USER.email);
    expect((await visitor.get('/admin/users')).status).toBe(200);
  });

  it('refuses a request that another has changed', async () => {
    const { location } = await box.browser().get('/auth/saml/auth/signin/php');
    const address = new URL(location ?? '');
    address.searchParams.set('Signature', address.searchParams.get('Signature')?.replace(/^.{8}/, 'AAAAAAAA') ?? '');
    await expect(answerOf(address.href)).rejects.toThrow('no answer');
  });
});

function unescaped(text: string): string {
  return text
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&')
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
}
