import { expect, it } from 'vitest';
import { ALICE, createTunnelBox } from '../support/tunnel-session.ts';

it('signing in with a password opens the tunnel until the session runs out', async () => {
  await using tunnel = await createTunnelBox();
  expect(await tunnel.isPeer()).toBe(false);
  await tunnel.opensTheTunnel(() => tunnel.box.signedIn(ALICE));
});
