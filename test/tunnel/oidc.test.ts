import { expect, it } from 'vitest';
import { CLIENT, startProvider } from '../support/oidc-provider.ts';
import { ALICE, createTunnelBox } from '../support/tunnel-session.ts';

it('signing in through OpenID Connect opens the tunnel until the session runs out', async () => {
  await using tunnel = await createTunnelBox();
  await using provider = await startProvider(['http://localhost:13000/auth/oidc/google/callback']);
  provider.people.set('alice', { email: ALICE.email, email_verified: true });
  provider.loginAs = 'alice';
  const client = { client_id: CLIENT.id, client_secret: CLIENT.secret };
  await tunnel.api.call('POST', '/oidc-providers', { id: 'google', label: 'G', discovery_document_uri: provider.issuer, ...client, may_reach_this_box: true });
  await tunnel.opensTheTunnel(async () => {
    const browser = tunnel.box.browser();
    const back = await provider.visit((await browser.get('/auth/oidc/google')).location);
    expect((await browser.get(back.pathname + back.search)).location).toBe('/');
  });
});
