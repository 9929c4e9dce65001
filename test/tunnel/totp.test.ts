import { expect, it } from 'vitest';
import { codeAt } from '../support/codes.ts';
import { ALICE, createTunnelBox } from '../support/tunnel-session.ts';

it('the code of an authenticator app opens the tunnel, the password before it does not', async () => {
  await using tunnel = await createTunnelBox();
  const { box } = tunnel;
  const browser = await box.signedIn(ALICE);
  const [, secret = ''] = /[?&;]secret=([A-Z2-7]+)/.exec((await browser.get('/account/totp/new')).text) ?? [];
  expect((await browser.post('/account/totp/new', { name: 'App', code: codeAt(secret, box.clock.now()) })).status).toBe(303);
  await tunnel.opensTheTunnel(async () => (await tunnel.untilSecondStep()).post('/mfa/totp', { code: codeAt(secret, box.clock.now()) }));
});
