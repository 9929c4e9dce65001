import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKeyPair } from '../../core/devices/keys.ts';
import { type CreationOptions, createAuthenticator, optionsIn, type RequestOptions } from '../plugins/webauthn/authenticator.ts';
import { codeAt } from '../support/codes.ts';
import { settingsFor, startMailServer } from '../support/mail-server.ts';
import { createNetwork, type Network } from '../support/network.ts';
import { createOidcBox, type OidcBox } from '../support/oidc-box.ts';
import { createIdp, type Idp, readRequest } from '../support/saml-idp.ts';
import { until } from '../support/wait.ts';

const ALICE = { email: 'alice@example.com', password: 'a secret of hers' };
const SESSION_SECONDS = 3_600;
const WITHIN_MS = 1_000;

describe('signing in', () => {
  let network: Network;
  let box: OidcBox;
  let idp: Idp;
  const key = createAuthenticator();
  const device = makeKeyPair();
  const cleanUp = new AsyncDisposableStack();
  let newestMail: () => Promise<string>;

  beforeAll(async () => {
    network = cleanUp.use(await createNetwork());
    box = cleanUp.use(await createOidcBox({}, { network }));
    const user = await box.api.call('POST', '/users', ALICE);
    await box.api.call('POST', '/devices', { name: 'Phone', user_id: user.body.id, public_key: device.publicKey });
    await box.api.call('PATCH', '/configuration/security', { vpn_session_duration: SESSION_SECONDS });
    idp = await createIdp('https://idp.example');
    await box.api.call('POST', '/saml-providers', { id: 'acme', label: 'Acme', metadata: idp.metadata() });
    const mails = cleanUp.use(await startMailServer());
    const { fromAddress, ...mail } = settingsFor(mails);
    await box.api.call('PATCH', '/configuration/mail', { ...mail, from_address: fromAddress });
    newestMail = async () => (await mails.next(mails.mails.length)).text;
  });
  afterAll(() => cleanUp.disposeAsync());

  const isPeer = async () => (await network.server.run(['wg', 'show', network.interfaceName, 'peers'])).stdout.includes(device.publicKey);

  /** Whoever signs in this way has a tunnel at once, and has it no more when the session has run out. */
  async function opensTheTunnel(signIn: () => Promise<unknown>): Promise<void> {
    box.clock.advance((SESSION_SECONDS + 1) * 1_000);
    await until('no session, no peer', async () => !(await isPeer()));
    await signIn();
    expect(await until('the device is a peer', isPeer, WITHIN_MS)).toBeLessThan(WITHIN_MS);
    box.clock.advance((SESSION_SECONDS - 1) * 1_000);
    expect(await isPeer()).toBe(true);
    box.clock.advance(1_001);
    await until('the session has run out', async () => !(await isPeer()), WITHIN_MS);
  }

  /** Signs in with the first factor, and leaves the second one to be asked for. */
  async function untilSecondStep() {
    const browser = box.browser();
    expect((await browser.post('/login', ALICE)).location).toBe('/mfa');
    // Time enough for the peer that must not come.
    await box.app.reconciler.request();
    expect(await isPeer()).toBe(false);
    return browser;
  }

  it('with a password opens the tunnel until the session runs out', () => opensTheTunnel(() => box.signedIn(ALICE)));

  it('with a mailed link opens it', () =>
    opensTheTunnel(async () => {
      const mail = newestMail();
      await box.browser().post('/login/link', { email: ALICE.email });
      box.clock.advance(1);
      const [, token = ''] = /\/login\/link\/([A-Za-z0-9_-]+)/.exec(await mail) ?? [];
      expect((await box.browser().post('/login/link/use', { token })).location).toBe('/');
    }));

  it('through OpenID Connect opens it', () => opensTheTunnel(async () => expect((await box.signIn(box.browser())).location).toBe('/')));

  it('through SAML opens it', () =>
    opensTheTunnel(async () => {
      const browser = box.browser();
      const asked = readRequest((await browser.get('/auth/saml/auth/signin/acme')).location);
      const SAMLResponse = idp.answer(asked, { now: box.clock.now(), nameId: ALICE.email });
      const brought = await box.browser().post('/auth/saml/sp/consume/acme', { SAMLResponse }, { 'sec-fetch-site': 'cross-site', origin: idp.entityId });
      expect((await browser.get(brought.location ?? '')).location).toBe('/');
    }));

  it('opens it only when the code of the app is given, not with the password alone', async () => {
    const browser = await box.signedIn(ALICE);
    const [, secret = ''] = /[?&;]secret=([A-Z2-7]+)/.exec((await browser.get('/account/totp/new')).text) ?? [];
    const options = optionsIn<CreationOptions>((await browser.get('/account/webauthn/new')).text);
    expect((await browser.post('/account/webauthn/new', { name: 'Key', response: key.make(options) })).status).toBe(303);
    expect((await browser.post('/account/totp/new', { name: 'App', code: codeAt(secret, box.clock.now()) })).status).toBe(303);
    await opensTheTunnel(async () => (await untilSecondStep()).post('/mfa/totp', { code: codeAt(secret, box.clock.now()) }));
  });

  it('opens it with a security key as the second step, and with a passkey alone', async () => {
    const signWith = async (path: string, browser = box.browser()) =>
      browser.post(path, { response: key.sign(optionsIn<RequestOptions>((await browser.get(path)).text)) });
    await opensTheTunnel(async () => signWith('/mfa/webauthn', await untilSecondStep()));
    await opensTheTunnel(() => signWith('/login/passkey'));
  });
});
