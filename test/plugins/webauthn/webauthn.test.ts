import 'reflect-metadata';
import { generateKeyPairSync, KeyObject, sign as signBytes } from 'node:crypto';
import { BasicConstraintsExtension, cryptoProvider, X509CertificateGenerator } from '@peculiar/x509';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Plugin } from '../../../core/plugin/contract.ts';
import { webauthn } from '../../../plugins/webauthn/index.ts';
import { ADMIN, createTestApp, type TestAnswer, type TestApp, type TestBrowser } from '../../support/app.ts';
import { type Authenticator, type Bend, type CreationOptions, createAuthenticator, optionsIn, type RequestOptions } from './authenticator.ts';

const USER = { email: 'user@example.com', password: 'the password of a user' };
const ENROL = '/account/webauthn/new';
const CHALLENGE = '/mfa/webauthn';
const PASSKEY = '/login/passkey';
const MINUTE_MS = 60_000;

/** What no right answer has; each alone makes it wrong. */
const WRONG: readonly (readonly [string, Bend])[] = [
  ['of another origin', { origin: 'https://evil.example' }],
  ['of the same name with another scheme', { origin: 'https://localhost:13000' }],
  ['of the same name on another port', { origin: 'http://localhost:13001' }],
  ['for another relying party', { relyingParty: 'evil.example' }],
  ['to a challenge that the browser chose', { challenge: Buffer.from('of my own choice, quite long').toString('base64url') }],
  ['without anybody present', { isPresent: false }],
];
const NOBODY = Buffer.from('00000000-0000-4000-8000-000000000000').toString('base64url');
const otherKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

/** What the list of devices says of the only one in it. */
const statusIn = (html: string) => /class="status-dot"><\/span>([^<]*)/.exec(html)?.[1];

let box: TestApp;
let admin: TestBrowser;

async function boot(): Promise<void> {
  box = await createTestApp();
  admin = await box.signedIn();
  await admin.post('/admin/users', { ...USER, role: 'unprivileged' });
}
const shutDown = () => box[Symbol.asyncDispose]();

const stored = (sql: string) => box.app.db.writer.prepare(sql).pluck().get();
const lastSignIn = (email = USER.email) => stored(`SELECT last_signed_in_at FROM users WHERE email = '${email}'`);
const keyCount = () => stored('SELECT count(*) FROM webauthn_credentials');
const saveSecurity = (values: Record<string, string>) =>
  admin.post('/admin/settings/security', { vpnSessionDuration: '0', allowSelfService: 'on', localSignIn: 'on', secondFactor: 'optional', ...values });
async function disableUser(): Promise<void> {
  const [, id] = /href="\/admin\/users\/([0-9a-f-]{36})"/.exec((await admin.get(`/admin/users?q=${USER.email}`)).text) ?? [];
  await admin.post(`/admin/users/${id}/disable`);
}

/** Opens the page and answers its challenge, honestly or not. */
async function make(browser: TestBrowser, key: Authenticator, bend?: Bend, name = 'Blue key'): Promise<TestAnswer> {
  return browser.post(ENROL, { name, response: key.make(optionsIn<CreationOptions>((await browser.get(ENROL)).text), bend) });
}
async function sign(browser: TestBrowser, path: string, key: Authenticator, bend?: Bend): Promise<TestAnswer> {
  return browser.post(path, { response: key.sign(optionsIn<RequestOptions>((await browser.get(path)).text), bend) });
}
async function enrolled(who = USER): Promise<Authenticator> {
  const key = createAuthenticator();
  expect((await make(await box.signedIn(who), key)).status).toBe(303);
  return key;
}
/** A browser whose sign-in waits for the second factor. */
async function waiting(who = USER): Promise<TestBrowser> {
  const browser = box.browser();
  expect((await browser.post('/login', who)).location).toBe('/mfa');
  return browser;
}
const isSignedIn = async (browser: TestBrowser) => (await browser.get('/devices')).status === 200;

describe('security keys and passkeys', () => {
  beforeEach(boot);
  afterEach(shutDown);

  describe('are added', () => {
    it('with what the browser makes, and named', async () => {
      const browser = await box.signedIn(USER);
      const key = createAuthenticator();
      const answer = await make(browser, key);
      expect(answer.location).toBe('/account/recovery-codes');
      expect((await browser.get('/account')).text).toContain('Blue key');
      expect((await admin.get('/admin/audit')).text).toContain('webauthn.added');
      expect(stored('SELECT transports FROM webauthn_credentials')).toBe('internal');
    });

    it('by asking for what passkeys need, and for no key that is there already', async () => {
      const browser = await box.signedIn(USER);
      const key = createAuthenticator();
      await make(browser, key);
      const options = optionsIn<Record<string, unknown>>((await browser.get(ENROL)).text);
      const userId = stored(`SELECT id FROM users WHERE email = '${USER.email}'`) as string;
      expect(options).toMatchObject({
        rp: { name: 'WireGUI', id: 'localhost' },
        user: { id: Buffer.from(userId).toString('base64url'), name: USER.email },
        attestation: 'none',
        authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
        excludeCredentials: [{ id: key.id, transports: ['internal'] }],
      });
    });

    it('once with each challenge', async () => {
      const browser = await box.signedIn(USER);
      const options = optionsIn<CreationOptions>((await browser.get(ENROL)).text);
      const add = async () => browser.post(ENROL, { name: 'Key', response: createAuthenticator().make(options) });
      expect((await add()).status).toBe(303);
      const again = await add();
      expect([again.status, keyCount()]).toEqual([401, 1]);
      expect(again.text).toContain('That took too long');
    });

    it('only while the challenge is fresh', async () => {
      const browser = await box.signedIn(USER);
      const options = optionsIn<CreationOptions>((await browser.get(ENROL)).text);
      box.clock.advance(5 * MINUTE_MS + 1);
      expect((await browser.post(ENROL, { name: 'Key', response: createAuthenticator().make(options) })).status).toBe(401);
      expect(keyCount()).toBe(0);
    });

    it('only to the challenge of this browser and this purpose', async () => {
      const options = optionsIn<CreationOptions>((await admin.get(ENROL)).text);
      const browser = await box.signedIn(USER);
      await browser.get(ENROL);
      expect((await browser.post(ENROL, { name: 'Key', response: createAuthenticator().make(options) })).status).toBe(401);
      const visitor = box.browser();
      const { challenge } = optionsIn<RequestOptions>((await visitor.get(PASSKEY)).text);
      await visitor.post('/login', USER);
      expect((await visitor.post(ENROL, { name: 'Key', response: createAuthenticator().make({ challenge, user: options.user }) })).status).toBe(401);
      expect(keyCount()).toBe(0);
    });

    it('never twice, not even by another user', async () => {
      const key = await enrolled();
      const answer = await make(admin, key);
      expect(answer.status).toBe(409);
      expect(answer.text).toContain('added already');
      expect(keyCount()).toBe(1);
    });

    it('with a name', async () => {
      const answer = await make(await box.signedIn(USER), createAuthenticator(), {}, ' ');
      expect(answer.status).toBe(422);
      expect(answer.text).toContain('id="field-name-error"');
    });

    it('ten times at most', async () => {
      const browser = await box.signedIn(USER);
      for (let index = 0; index < 10; index += 1) expect((await make(browser, createAuthenticator())).status).toBe(303);
      expect((await make(browser, createAuthenticator())).status).toBe(409);
    });

    it('by nobody who is not signed in', async () => {
      expect((await box.browser().get(ENROL)).status).toBe(401);
      expect((await box.browser().post(ENROL, { name: 'Key' })).status).toBe(401);
    });
  });

  describe('as a second factor', () => {
    it('complete a sign-in, and only they do', async () => {
      const key = await enrolled();
      const before = lastSignIn();
      box.clock.advance(1_000);
      const browser = await waiting();
      expect(await isSignedIn(browser)).toBe(false);
      expect(lastSignIn()).toBe(before);
      expect((await browser.get('/mfa')).text).toContain(CHALLENGE);
      const page = await browser.get(CHALLENGE);
      expect(optionsIn(page.text)).toMatchObject({ rpId: 'localhost', userVerification: 'discouraged', allowCredentials: [{ id: key.id }] });
      expect((await sign(browser, CHALLENGE, key, { isVerified: false })).location).toBe('/');
      expect(await isSignedIn(browser)).toBe(true);
      expect(lastSignIn()).toBe(box.clock.now().getTime());
      expect((await browser.get('/account')).text).toMatch(new RegExp(`data-label="Last used"><time datetime="${box.clock.now().toISOString()}"`));
    });

    it('may leave out whose they are', async () => {
      const key = await enrolled();
      expect((await sign(await waiting(), CHALLENGE, key, { userHandle: undefined })).status).toBe(303);
    });

    it('take each challenge once, while it is fresh, in the browser that has it', async () => {
      const key = await enrolled();
      const browser = await waiting();
      const options = optionsIn<RequestOptions>((await browser.get(CHALLENGE)).text);
      const other = await waiting();
      await other.get(CHALLENGE);
      expect((await other.post(CHALLENGE, { response: key.sign(options) })).status).toBe(401);
      const response = key.sign(options);
      expect((await browser.post(CHALLENGE, { response })).status).toBe(303);
      const replay = await waiting();
      expect((await replay.post(CHALLENGE, { response })).status).toBe(401);
      const late = optionsIn<RequestOptions>((await replay.get(CHALLENGE)).text);
      box.clock.advance(5 * MINUTE_MS + 1);
      expect((await replay.post(CHALLENGE, { response: key.sign(late) })).status).toBe(401);
    });

    it('of one user open nothing for another', async () => {
      const key = await enrolled();
      const adminsKey = await enrolled(ADMIN);
      for (const userHandle of [undefined, Buffer.from(String(stored(`SELECT id FROM users WHERE email = '${USER.email}'`))).toString('base64url')])
        expect((await sign(await waiting(), CHALLENGE, adminsKey, { userHandle })).status).toBe(401);
      expect((await sign(await waiting(), CHALLENGE, key, { id: adminsKey.id })).status).toBe(401);
      // What the other's key has counted is not disturbed.
      adminsKey.signatures = 1;
      expect((await sign(await waiting(ADMIN), CHALLENGE, adminsKey)).status).toBe(303);
    });

    it.each([0, -1])('refuse a copy, whose counter does not advance (%i), and tell the administrators', async (step) => {
      const key = await enrolled();
      for (let turn = 0; turn < 3; turn += 1) expect((await sign(await waiting(), CHALLENGE, key)).status).toBe(303);
      key.signatures += step - 1;
      expect((await sign(await waiting(), CHALLENGE, key)).status).toBe(401);
      expect((await admin.get('/admin/notifications')).text).toContain('a copy of it may exist');
      key.signatures = -1;
      expect((await sign(await waiting(), CHALLENGE, key)).status).toBe(401);
    });

    it('pass again and again when they do not count', async () => {
      const key = createAuthenticator();
      key.signatures = 0;
      await make(await box.signedIn(USER), key);
      for (let turn = 0; turn < 2; turn += 1) {
        key.signatures = -1;
        expect((await sign(await waiting(), CHALLENGE, key)).status).toBe(303);
      }
    });

    it('stop tries that come in parallel', async () => {
      const key = await enrolled();
      const browser = await waiting();
      const answers = await Promise.all(Array.from({ length: 20 }, () => browser.post(CHALLENGE, { response: '{}' })));
      expect(answers.filter(({ status }) => status === 429)).toHaveLength(10);
      expect((await sign(await waiting(), CHALLENGE, key)).status).toBe(429);
      box.clock.advance(15 * MINUTE_MS);
      expect((await sign(await waiting(), CHALLENGE, key)).status).toBe(303);
    });

    it('confirm nothing after ten minutes, nor without a sign-in that waits', async () => {
      await enrolled();
      const browser = await waiting();
      box.clock.advance(10 * MINUTE_MS + 1);
      expect((await browser.get(CHALLENGE)).status).toBe(401);
      expect((await browser.post(CHALLENGE)).status).toBe(401);
      expect([(await box.browser().get(CHALLENGE)).location, (await box.browser().post(CHALLENGE)).status]).toEqual(['/', 401]);
    });

    it('confirm nothing for somebody who was disabled meanwhile', async () => {
      const key = await enrolled();
      const browser = await waiting();
      await disableUser();
      expect((await sign(browser, CHALLENGE, key)).status).toBe(401);
      expect(await isSignedIn(browser)).toBe(false);
    });

    it('are removed by their owner alone, and open nothing from then on', async () => {
      const key = await enrolled();
      const path = `/account/factors/webauthn/${stored('SELECT id FROM webauthn_credentials')}/remove`;
      expect([(await admin.get(path)).status, (await admin.post(path)).status, keyCount()]).toEqual([404, 404, 1]);
      const browser = await waiting();
      await sign(browser, CHALLENGE, key);
      const page = box.browser();
      const options = optionsIn<RequestOptions>((await page.get(PASSKEY)).text);
      expect((await browser.post(path)).location).toBe('/account');
      expect((await page.post(PASSKEY, { response: key.sign(options) })).status).toBe(401);
      expect((await box.browser().post('/login', USER)).location).toBe('/');
    });

    it('are added before the sign-in is complete where one is required, and complete it', async () => {
      await saveSecurity({ secondFactor: 'everyone' });
      const thief = await waiting();
      const options = optionsIn<CreationOptions>((await thief.get(ENROL)).text);
      const browser = await waiting();
      expect((await browser.get('/mfa')).text).toContain(ENROL);
      expect((await make(browser, createAuthenticator())).location).toBe('/account/recovery-codes');
      expect(await isSignedIn(browser)).toBe(true);
      // Who only knows the password adds none to the owner's.
      expect((await thief.post(ENROL, { name: 'Planted', response: createAuthenticator().make(options) })).status).toBe(401);
      expect(keyCount()).toBe(1);
    });
  });

  describe('as a passkey', () => {
    it('sign in without a name or password, past the second step, to the page that was asked for', async () => {
      const key = await enrolled();
      box.clock.advance(1_000);
      const browser = box.browser();
      const asked = (await browser.get('/devices/new')).location ?? '';
      const [button = ''] = /\/login\/passkey\?return_to=[^"]*/.exec((await browser.get(asked)).text) ?? [];
      const options = optionsIn<RequestOptions>((await browser.get(button)).text);
      expect(options).toMatchObject({ rpId: 'localhost', userVerification: 'required' });
      expect(options).not.toHaveProperty('allowCredentials');
      const cookie = browser.cookies.get('wiregui');
      expect((await browser.post(PASSKEY, { response: key.sign(options) })).location).toBe('/devices/new');
      expect(browser.cookies.get('wiregui')).not.toBe(cookie);
      expect(await isSignedIn(browser)).toBe(true);
      expect(lastSignIn()).toBe(box.clock.now().getTime());
      expect(stored(`SELECT last_signed_in_method FROM users WHERE email = '${USER.email}'`)).toBe('passkey');
      expect((await browser.get('/account')).text).toContain('Passkey');
    });

    it('open the tunnels again whose VPN session is over', async () => {
      const owner = await box.signedIn(USER);
      const key = createAuthenticator();
      await make(owner, key);
      await owner.post('/devices', { name: 'Laptop' });
      await saveSecurity({ vpnSessionDuration: '3600' });
      box.clock.advance(3_600_001);
      expect(statusIn((await admin.get('/admin/devices')).text)).toBe('VPN session is over');
      await sign(box.browser(), PASSKEY, key);
      expect(statusIn((await admin.get('/admin/devices')).text)).toBe('Active');
    });

    it("refuse another user's name on one's own key", async () => {
      const key = await enrolled();
      const adminsId = Buffer.from(String(stored(`SELECT id FROM users WHERE email = '${ADMIN.email}'`))).toString('base64url');
      expect((await sign(box.browser(), PASSKEY, key, { userHandle: adminsId })).status).toBe(401);
    });

    it('take each challenge once, while it is fresh, in the browser that has it', async () => {
      const key = await enrolled();
      const browser = box.browser();
      const options = optionsIn<RequestOptions>((await browser.get(PASSKEY)).text);
      const other = box.browser();
      expect((await other.post(PASSKEY, { response: key.sign(options) })).status).toBe(401);
      await other.get(PASSKEY);
      expect((await other.post(PASSKEY, { response: key.sign(options) })).status).toBe(401);
      const response = key.sign(options);
      const both = await Promise.all([browser.post(PASSKEY, { response }), browser.post(PASSKEY, { response })]);
      expect(both.map(({ status }) => status).sort()).toEqual([303, 401]);
      const late = box.browser();
      const lateOptions = optionsIn<RequestOptions>((await late.get(PASSKEY)).text);
      box.clock.advance(5 * MINUTE_MS + 1);
      expect((await late.post(PASSKEY, { response: key.sign(lateOptions) })).status).toBe(401);
    });

    it('never take the challenge of a second step', async () => {
      const key = await enrolled();
      const browser = await waiting();
      const options = optionsIn<RequestOptions>((await browser.get(CHALLENGE)).text);
      expect((await browser.post(PASSKEY, { response: key.sign(options) })).status).toBe(401);
    });

    it('refuse a copy, whose counter does not advance', async () => {
      const key = await enrolled();
      expect((await sign(box.browser(), PASSKEY, key)).status).toBe(303);
      key.signatures -= 1;
      expect((await sign(box.browser(), PASSKEY, key)).status).toBe(401);
    });

    it('let nobody in who is disabled, and say so', async () => {
      const key = await enrolled();
      await disableUser();
      const browser = box.browser();
      const answer = await sign(browser, PASSKEY, key);
      expect(answer.status).toBe(401);
      expect(answer.text).toContain('This account may not sign in');
      expect(await isSignedIn(browser)).toBe(false);
    });

    it('never lead to another site afterwards', async () => {
      const key = await enrolled();
      const browser = box.browser();
      const { text } = await browser.get(`${PASSKEY}?return_to=${encodeURIComponent('//evil.example')}`);
      expect((await browser.post(PASSKEY, { response: key.sign(optionsIn(text)) })).location).toBe('/');
    });

    it('give an address ten challenges in a quarter of an hour, and those that lead to a sign-in do not count', async () => {
      const key = await enrolled();
      for (let turn = 0; turn < 25; turn += 1) expect((await sign(box.browser(), PASSKEY, key)).status).toBe(303);
      const opened = await Promise.all(Array.from({ length: 14 }, () => box.browser().get(PASSKEY)));
      expect(opened.filter(({ status }) => status === 429)).toHaveLength(4);
      expect((await box.browser().post('/login', USER)).location).toBe('/mfa');
      box.clock.advance(15 * MINUTE_MS);
      expect((await sign(box.browser(), PASSKEY, key)).status).toBe(303);
    });

    it('are offered once somebody has one', async () => {
      expect((await box.browser().get('/login')).text).not.toContain(PASSKEY);
      await enrolled();
      expect((await box.browser().get('/login')).text).toContain(PASSKEY);
    });
  });
});

describe('wrong answers of security keys and passkeys', () => {
  let key: Authenticator;
  beforeAll(async () => {
    await boot();
    key = await enrolled();
  });
  afterAll(shutDown);
  // They count as guesses.
  beforeEach(() => box.clock.advance(15 * MINUTE_MS));

  describe('add none', () => {
    it.each(WRONG)('never with an answer %s', async (_, bend) => {
      const browser = await box.signedIn();
      const answer = await make(browser, createAuthenticator(), bend);
      expect(answer.status).toBe(401);
      expect(answer.text).toContain('This key was not accepted.');
      expect(keyCount()).toBe(1);
    });

    it('never with what was signed for a sign-in', async () => {
      expect((await make(await box.signedIn(), createAuthenticator(), { type: 'webauthn.get' })).status).toBe(401);
    });

    it('by vouching for itself with a certificate, which nobody asked for and nobody reads', async () => {
      const attest = await attestation();
      expect((await make(await box.signedIn(), createAuthenticator(), { attest })).status).toBe(401);
      expect(keyCount()).toBe(1);
    });

    it.each([
      '',
      'null',
      '[]',
      '{}',
      '{"id":1}',
      'not json',
      '{"id":"x","rawId":"x","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA"}}',
    ])('never with nonsense: %s', async (response) => {
      const browser = await box.signedIn();
      await browser.get(ENROL);
      expect((await browser.post(ENROL, { name: 'Key', response })).status).toBe(401);
    });
  });

  describe('as a second factor', () => {
    it.each([
      ...WRONG,
      ['signed by another key', { key: otherKey() }],
      ['that was made to add a key', { type: 'webauthn.create' }],
      ['that says somebody else’s name', { userHandle: NOBODY }],
    ] as const)('refuse an answer %s', async (_, bend) => {
      const browser = await waiting();
      const answer = await sign(browser, CHALLENGE, key, bend);
      expect(answer.status).toBe(401);
      expect(answer.text).toContain('This key was not accepted.');
      expect(await isSignedIn(browser)).toBe(false);
      // The page has a new challenge, so that an honest second try passes.
      expect((await browser.post(CHALLENGE, { response: key.sign(optionsIn<RequestOptions>(answer.text)) })).status).toBe(303);
    });
  });

  describe('as a passkey', () => {
    it.each([
      ...WRONG,
      ['without the owner verified', { isVerified: false }],
      ['signed by another key', { key: otherKey() }],
      ['without saying whose it is', { userHandle: undefined }],
      ['that says somebody else’s name', { userHandle: NOBODY }],
      ['of a key that nobody knows', { id: 'AAAA' }],
    ] as const)('refuse an answer %s', async (_, bend) => {
      const browser = box.browser();
      const before = lastSignIn();
      box.clock.advance(1_000);
      expect((await sign(browser, PASSKEY, key, bend)).status).toBe(401);
      expect(await isSignedIn(browser)).toBe(false);
      expect(lastSignIn()).toBe(before);
    });
  });
});

/** The word of a maker's certificate, in order by all that WebAuthn Level 3 §8.2.1 asks. */
async function attestation(): Promise<NonNullable<Bend['attest']>> {
  cryptoProvider.set(crypto);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'C=DE, O=Maker, OU=Authenticator Attestation, CN=Key',
    notBefore: new Date('2020-01-01'),
    notAfter: new Date('2040-01-01'),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new BasicConstraintsExtension(false)],
  });
  const key = KeyObject.from(keys.privateKey);
  return (signed) => ({
    format: 'packed',
    statement: new Map<string, number | Buffer | readonly Buffer[]>([
      ['alg', -7],
      ['sig', signBytes('sha256', signed, key)],
      ['x5c', [Buffer.from(certificate.rawData)]],
    ]),
  });
}

/** Another second factor. */
const codes: Plugin = {
  manifest: { id: 'codes', title: 'Codes', summary: '' },
  setup: () => ({
    secondFactor: { id: 'codes', label: 'Codes', icon: 'key', challengePath: '/codes', enrolPath: '/codes/new', list: async () => [], remove: async () => {} },
  }),
};

describe('where browsers make no keys', () => {
  it.each([
    ['http://vpn.example.com', 'only with https'],
    ['http://192.168.1.5:13000', 'only with https'],
    ['https://192.168.1.5', 'known by an address'],
    ['https://[fd00::5]', 'known by an address'],
  ])('at %s the pages say why, and nothing is offered', async (url, why) => {
    await using box = await createTestApp({ env: { WG_EXTERNAL_URL: url }, plugins: [webauthn, codes] });
    const admin = await box.signedIn();
    expect((await admin.get(ENROL)).text).toContain(why);
    expect((await admin.get(ENROL)).text).not.toContain('data-options');
    expect((await box.browser().get(PASSKEY)).text).toContain(why);
    await admin.post('/admin/settings/security', { vpnSessionDuration: '0', localSignIn: 'on', secondFactor: 'everyone' });
    const browser = box.browser();
    await browser.post('/login', ADMIN);
    const mfa = (await browser.get('/mfa')).text;
    expect(mfa).not.toContain(ENROL);
    expect(mfa).toContain('/codes/new');
  });

  it.each(['https://vpn.example.com', 'http://localhost:13000', 'https://box.lan:8443'])('does not mean %s', async (url) => {
    await using box = await createTestApp({ env: { WG_EXTERNAL_URL: url } });
    expect((await (await box.signedIn()).get(ENROL)).text).toContain('data-options');
  });

  it('whoever has a key already is still asked for a second factor, and shown the other ways', async () => {
    await using before = await createTestApp();
    const key = createAuthenticator();
    const owner = await before.signedIn();
    await owner.post(ENROL, { name: 'Key', response: key.make(optionsIn<CreationOptions>((await owner.get(ENROL)).text)) });
    const codes = (await owner.post('/account/recovery-codes')).text;
    const [code = ''] = /[a-z0-9]{4}(-[a-z0-9]{4}){3}/.exec(codes) ?? [];
    await using after = await createTestApp({ env: { WG_EXTERNAL_URL: 'http://192.168.1.5' }, dataDirectory: before.dataDirectory });
    const browser = after.browser();
    expect((await browser.post('/login', ADMIN)).location).toBe('/mfa');
    const page = (await browser.get(CHALLENGE)).text;
    expect(page).toContain('only with https');
    expect(page).toContain('recovery code');
    expect(page).toContain('href="/mfa"');
    expect((await browser.get('/login')).text).not.toContain(PASSKEY);
    expect((await browser.post('/mfa/recovery', { code })).status).toBe(303);
  });

  it('nobody is kept out by the policy where keys are all there is', async () => {
    await using box = await createTestApp({ env: { WG_EXTERNAL_URL: 'http://192.168.1.5' }, plugins: [webauthn] });
    await (await box.signedIn()).post('/admin/settings/security', { vpnSessionDuration: '0', localSignIn: 'on', secondFactor: 'everyone' });
    expect((await box.browser().post('/login', ADMIN)).location).toBe('/');
  });
});
