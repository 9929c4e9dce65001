import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestAnswer, TestBrowser } from '../../support/app.ts';
import { ALICE, createOidcBox, type OidcBox } from '../../support/oidc-box.ts';
import { CLIENT, type TestProvider } from '../../support/oidc-provider.ts';

const HELD_FOR_MS = 10 * 60_000;

describe('an answer from a provider', () => {
  let box: OidcBox;
  let other: TestProvider;
  let browser: TestBrowser;
  beforeAll(async () => {
    box = await createOidcBox();
    other = await box.addProvider('okta');
  });
  beforeEach(() => {
    browser = box.browser();
    box.provider.tamper.clear();
    other.tamper.clear();
    box.provider.people.set('alice', { ...ALICE });
  });
  afterAll(() => box[Symbol.asyncDispose]());

  async function expectRefused(answer: TestAnswer, who: TestBrowser = browser): Promise<void> {
    expect(answer.status).toBeOneOf([401, 403, 503]);
    expect(answer.text).toContain('Sign-in did not work');
    expect((await who.get('/account')).location).toMatch(/^\/login/);
  }

  /** The answer's path with other parameters; undefined takes one out. */
  const changed = (path: string, changes: Readonly<Record<string, string | undefined>>): string => {
    const url = new URL(path, 'http://localhost');
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined) url.searchParams.delete(name);
      else url.searchParams.set(name, value);
    }
    return url.pathname + url.search;
  };
  const copyOf = (original: TestBrowser): TestBrowser => {
    const copy = box.browser();
    for (const [name, value] of original.cookies) copy.cookies.set(name, value);
    return copy;
  };

  it('is accepted when nothing is wrong with it', async () => {
    expect((await box.signIn(browser)).status).toBe(303);
  });

  it.each([
    ['without its state', { state: undefined }],
    ['with another state', { state: 'x'.repeat(43) }],
    ['with an empty state', { state: '' }],
    ['without its issuer', { iss: undefined }],
    ['with another issuer', { iss: 'https://evil.example.com' }],
    ['without its code', { code: undefined }],
    ['with another code', { code: 'x'.repeat(43) }],
    ['that smuggles an ID token past the exchange', { id_token: 'a.b.c' }],
  ])('is refused %s, and cannot be mended afterwards', async (_, changes) => {
    const answer = await box.answerFor(browser);
    await expectRefused(await browser.get(changed(answer, changes)));
    await expectRefused(await browser.get(answer));
  });

  it('is refused when a parameter comes twice', async () => {
    const answer = await box.answerFor(browser);
    await expectRefused(await browser.get(`${answer}&state=other`));
  });

  it('is refused in a browser that began nothing: nobody is signed in as somebody else', async () => {
    const attacker = box.browser();
    const answer = await box.answerFor(attacker);
    await expectRefused(await browser.get(answer));
    expect((await attacker.get(answer)).status).toBe(303);
  });

  it('is refused in a browser that began another sign-in, also with its state put in: the code is bound to who began', async () => {
    const attacker = box.browser();
    const answer = await box.answerFor(attacker);
    const begun = await browser.get('/auth/oidc/google');
    await expectRefused(await browser.get(answer));
    const again = await browser.get('/auth/oidc/google');
    expect(begun.location).not.toBe(again.location);
    const state = new URL(again.location ?? '').searchParams.get('state') ?? '';
    await expectRefused(await browser.get(changed(answer, { state })));
  });

  it('is worth something once', async () => {
    const answer = await box.answerFor(browser);
    const copies = [copyOf(browser), copyOf(browser), copyOf(browser)];
    const answers = await Promise.all([browser, ...copies].map((one) => one.get(answer)));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 401, 401, 401]);
    for (const one of copies) expect((await one.get(answer)).status).toBe(401);
  });

  it('is worth nothing after ten minutes', async () => {
    const answer = await box.answerFor(browser);
    box.clock.advance(HELD_FOR_MS + 1);
    await expectRefused(await browser.get(answer));
  });

  it('of one provider is refused at the callback of another, whatever is put in', async () => {
    const answer = (await box.answerFor(browser)).replace('/google/', '/okta/');
    await expectRefused(await browser.get(answer));
    const begun = await browser.get('/auth/oidc/okta');
    const state = new URL(begun.location ?? '').searchParams.get('state') ?? '';
    await expectRefused(await browser.get(changed(answer, { state })));
    const again = await browser.get('/auth/oidc/okta');
    const askedBefore = other.asked.filter((path) => path === '/token').length;
    await expectRefused(await browser.get(changed(answer, { state: new URL(again.location ?? '').searchParams.get('state') ?? '', iss: other.issuer })));
    // Even then the code was worth nothing there.
    expect(other.asked.filter((path) => path === '/token').length).toBe(askedBefore + 1);
  });

  it('is asked for with a challenge of its own each time, by S256, also where the provider offers less', async () => {
    await using poor = await createOidcBox();
    poor.provider.tamper.set('/.well-known/openid-configuration', (body) => ({ ...body, code_challenge_methods_supported: ['plain'] }));
    const challenges = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      const { searchParams } = new URL((await poor.browser().get('/auth/oidc/google')).location ?? '');
      expect(searchParams.get('code_challenge_method')).toBe('S256');
      expect(searchParams.get('response_type')).toBe('code');
      for (const name of ['code_challenge', 'state', 'nonce']) {
        expect(searchParams.get(name)).toMatch(/^[A-Za-z0-9_-]{43}$/);
        challenges.add(searchParams.get(name) ?? '');
      }
    }
    expect(challenges.size).toBe(9);
  });

  const OTHER_KEY = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const now = () => Math.floor(Date.now() / 1_000);
  it.each<[string, (token: unknown) => string | undefined]>([
    ['another nonce', (token) => box.provider.forge(token, { nonce: 'x'.repeat(43) })],
    ['no nonce', (token) => box.provider.forge(token, { nonce: undefined })],
    ['another issuer', (token) => box.provider.forge(token, { iss: 'https://evil.example.com' })],
    ['the other provider’s issuer', (token) => box.provider.forge(token, { iss: other.issuer })],
    ['another audience', (token) => box.provider.forge(token, { aud: 'somebody-else' })],
    ['several audiences and another authorized party', (token) => box.provider.forge(token, { aud: [CLIENT.id, 'x'], azp: 'x' })],
    ['a time that is over', (token) => box.provider.forge(token, { exp: now() - 60 })],
    ['no end', (token) => box.provider.forge(token, { exp: undefined })],
    ['no subject', (token) => box.provider.forge(token, { sub: undefined })],
    ['an empty subject', (token) => box.provider.forge(token, { sub: '' })],
    ['no signature (alg none)', (token) => box.provider.forge(token, {}, { alg: 'none' })],
    ['its signature cut off', (token) => `${String(token).split('.').slice(0, 2).join('.')}.`],
    ['the signature of another key', (token) => box.provider.forge(token, {}, {}, OTHER_KEY)],
    ['a key of its own in the header', (token) => box.provider.forge(token, {}, { kid: 'mine', jwk: { kty: 'RSA' } }, OTHER_KEY)],
    ['a signature made with the client secret', (token) => box.provider.forge(token, {}, { alg: 'HS256', kid: undefined }, CLIENT.secret)],
    ['other claims under the old signature', (token) => swapClaims(token, box.provider.forge(token, { sub: 'mallory' }))],
    ['nothing at all', () => undefined],
    ['something that is no token', () => 'nonsense'],
  ])('is refused when the ID token has %s', async (_, forged) => {
    box.provider.tamper.set('/token', (body) => ({ ...body, id_token: forged(body['id_token']) }));
    await expectRefused(await box.signIn(browser));
    expect((await box.api.call('GET', '/users?q=mallory')).body).toEqual([]);
  });

  it('is checked with the keys that the provider has now', async () => {
    const key = generateKeyPairSync('rsa', { modulusLength: 2048 });
    expect((await box.signIn(box.browser())).status).toBe(303);
    box.provider.tamper.set('/jwks', () => ({ keys: [{ ...key.publicKey.export({ format: 'jwk' }), kid: 'new', use: 'sig' }] }));
    await expectRefused(await box.signIn(browser));
    box.provider.tamper.set('/token', (body) => ({ ...body, id_token: box.provider.forge(body['id_token'], {}, { kid: 'new' }, key.privateKey) }));
    expect((await box.signIn(browser)).status).toBe(303);
  });
});

describe('a provider that cannot be reached, or is not what it seems', () => {
  it('keeps neither the start nor other sign-ins waiting', async () => {
    await using box = await createOidcBox();
    await box.provider[Symbol.asyncDispose]();
    const asked = performance.now();
    expect((await box.browser().get('/login')).text).toContain('/auth/oidc/google');
    await box.signedIn();
    const refused = await box.browser().get('/auth/oidc/google');
    expect(performance.now() - asked).toBeLessThan(3_000);
    expect(refused.status).toBe(503);
    expect(refused.text).toContain('google cannot be reached at the moment');
    expect(refused.text).not.toContain('127.0.0.1');
    await box.app.host.disable('oidc');
    const restarted = performance.now();
    expect((await box.app.host.enable('oidc')).state.kind).toBe('running');
    expect(performance.now() - restarted).toBeLessThan(1_000);
  });

  it('is asked nothing until somebody comes, and then once an hour', async () => {
    await using box = await createOidcBox();
    const documents = () => box.provider.asked.filter((path) => path.includes('well-known')).length;
    await box.browser().get('/login');
    expect(documents()).toBe(0);
    await Promise.all([1, 2, 3].map(() => box.browser().get('/auth/oidc/google')));
    expect(documents()).toBe(1);
    box.clock.advance(3_600_001);
    await box.browser().get('/auth/oidc/google');
    expect(documents()).toBe(2);
  });

  it('is asked again when it failed, without waiting for an hour', async () => {
    await using box = await createOidcBox();
    box.provider.fail.set('/.well-known/openid-configuration', 502);
    expect((await box.browser().get('/auth/oidc/google')).status).toBe(503);
    box.provider.fail.clear();
    expect((await box.signIn(box.browser())).status).toBe(303);
  });

  it.each<[string, (body: Readonly<Record<string, unknown>>) => unknown]>([
    ['speaks for another issuer', (body) => ({ ...body, issuer: 'https://accounts.example.com' })],
    ['has no issuer', (body) => ({ ...body, issuer: undefined })],
    ['is larger than anything needed', (body) => ({ ...body, padding: 'x'.repeat(5_000_000) })],
    ['leads to a script', (body) => ({ ...body, authorization_endpoint: 'javascript:alert(1)' })],
    ['leads to a file', (body) => ({ ...body, token_endpoint: 'file:///etc/passwd' })],
    ['has no keys', (body) => ({ ...body, jwks_uri: undefined })],
    ['is a list', () => []],
    ['is text', () => 'hello'],
  ])('is not believed when its document %s', async (_, tampered) => {
    await using box = await createOidcBox();
    box.provider.tamper.set('/.well-known/openid-configuration', tampered);
    const answer = await box.browser().get('/auth/oidc/google');
    expect([answer.status, answer.location]).toEqual([503, null]);
  });

  it('is not followed to another place', async () => {
    await using box = await createOidcBox();
    box.provider.fail.set('/.well-known/openid-configuration', 302);
    expect((await box.browser().get('/auth/oidc/google')).status).toBe(503);
  });
});

function swapClaims(token: unknown, forged: string): string {
  const [header, , signature] = String(token).split('.');
  return [header, forged.split('.')[1], signature].join('.');
}
