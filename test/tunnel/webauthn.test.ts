import { expect, it } from 'vitest';
import { type CreationOptions, createAuthenticator, optionsIn, type RequestOptions } from '../plugins/webauthn/authenticator.ts';
import { ALICE, createTunnelBox } from '../support/tunnel-session.ts';

it('a security key opens the tunnel as the second step, and a passkey by itself', async () => {
  await using tunnel = await createTunnelBox();
  const key = createAuthenticator();
  const browser = await tunnel.box.signedIn(ALICE);
  const options = optionsIn<CreationOptions>((await browser.get('/account/webauthn/new')).text);
  expect((await browser.post('/account/webauthn/new', { name: 'Key', response: key.make(options) })).status).toBe(303);
  const signWith = async (path: string, by = tunnel.box.browser()) =>
    by.post(path, { response: key.sign(optionsIn<RequestOptions>((await by.get(path)).text)) });
  await tunnel.opensTheTunnel(async () => signWith('/mfa/webauthn', await tunnel.untilSecondStep()));
  await tunnel.opensTheTunnel(() => signWith('/login/passkey'));
});
