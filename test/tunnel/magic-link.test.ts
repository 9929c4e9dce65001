import { expect, it } from 'vitest';
import { settingsFor, startMailServer } from '../support/mail-server.ts';
import { ALICE, createTunnelBox } from '../support/tunnel-session.ts';

it('signing in with a mailed link opens the tunnel until the session runs out', async () => {
  await using tunnel = await createTunnelBox();
  await using mails = await startMailServer();
  const { fromAddress, ...settings } = settingsFor(mails);
  await tunnel.api.call('PATCH', '/configuration/mail', { ...settings, from_address: fromAddress });
  await tunnel.opensTheTunnel(async () => {
    const mail = mails.next(mails.mails.length);
    await tunnel.box.browser().post('/login/link', { email: ALICE.email });
    tunnel.box.clock.advance(1);
    const [, token = ''] = /\/login\/link\/([A-Za-z0-9_-]+)/.exec((await mail).text) ?? [];
    expect((await tunnel.box.browser().post('/login/link/use', { token })).location).toBe('/');
  });
});
