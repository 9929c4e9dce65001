import { expect, it } from 'vitest';
import { createIdp, readRequest } from '../support/saml-idp.ts';
import { ALICE, createTunnelBox } from '../support/tunnel-session.ts';

it('signing in through SAML opens the tunnel until the session runs out', async () => {
  await using tunnel = await createTunnelBox();
  const idp = await createIdp('https://idp.example');
  await tunnel.api.call('POST', '/saml-providers', { id: 'acme', label: 'Acme', metadata: idp.metadata() });
  await tunnel.opensTheTunnel(async () => {
    const browser = tunnel.box.browser();
    const asked = readRequest((await browser.get('/auth/saml/auth/signin/acme')).location);
    const form = { SAMLResponse: idp.answer(asked, { now: tunnel.box.clock.now(), nameId: ALICE.email }) };
    const brought = await tunnel.box.browser().post('/auth/saml/sp/consume/acme', form, { 'sec-fetch-site': 'cross-site', origin: idp.entityId });
    expect((await browser.get(brought.location ?? '')).location).toBe('/');
  });
});
