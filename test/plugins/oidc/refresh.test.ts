import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connections } from '../../../plugins/oidc/tables.ts';
import type { TestBrowser } from '../../support/app.ts';
import { ALICE, createOidcBox, type OidcBox } from '../../support/oidc-box.ts';
import { until } from '../../support/wait.ts';

const TEN_MINUTES_MS = 600_000;

describe('renewing sign-ins', () => {
  let box: OidcBox;
  let browser: TestBrowser;
  beforeEach(async () => {
    box = await createOidcBox({ scope: 'openid email profile offline_access', label: 'Example' });
    box.provider.people.set('alice', { ...ALICE });
    browser = box.browser();
    await box.signIn(browser);
  });
  afterEach(() => box[Symbol.asyncDispose]());

  const stored = async () => (await box.app.db.select().from(connections))[0];
  const tokenOf = async () => box.app.secrets.open((await stored())?.refreshToken ?? ('' as never));
  const notices = async (): Promise<readonly string[]> => (await box.api.call('GET', '/notifications')).body.map(({ message }: { message: string }) => message);
  const alice = async () => (await box.api.call('GET', '/users?q=alice')).body[0];
  const tokenRequests = () => box.provider.asked.filter((path) => path === '/token').length;

  /** Runs the job once, as it would by itself after ten minutes. */
  async function renew(): Promise<void> {
    const job = box.app.host.parts().flatMap(({ jobs = [] }) => jobs.filter(({ id }) => id === 'refresh'))[0];
    await job?.run(AbortSignal.timeout(60_000));
  }

  it('happens every ten minutes', async () => {
    const first = await tokenOf();
    box.clock.advance(TEN_MINUTES_MS);
    await until('the token is another', async () => (await tokenOf()) !== first);
  });

  it('keeps the token sealed, and the one that takes its place', async () => {
    const first = await tokenOf();
    await renew();
    const second = await tokenOf();
    expect(second).not.toBe(first);
    await renew();
    expect(await tokenOf()).not.toBe(second);
    expect(await notices()).toEqual([]);
    const { refreshToken, idToken } = (await stored()) ?? {};
    expect([refreshToken, idToken].map((sealed) => sealed?.slice(0, 3))).toEqual(['v1.', 'v1.']);
    expect((await stored())?.refreshedAt).toEqual(box.clock.now());
  });

  it('asks for nothing where the scope does not say so', async () => {
    await box.configure({ scope: 'openid email' });
    const later = box.browser();
    expect(new URL((await later.get('/auth/oidc/google')).location ?? '').searchParams.get('prompt')).toBeNull();
    await box.signIn(later);
    expect((await stored())?.refreshToken).toBeNull();
    const asked = tokenRequests();
    await renew();
    expect(tokenRequests()).toBe(asked);
  });

  it('asks Google in its own way, which knows no offline_access', async () => {
    await using google = await createOidcBox({ scope: 'openid email offline_access' });
    google.provider.tamper.set('/.well-known/openid-configuration', (body) => ({ ...body, scopes_supported: ['openid', 'email'] }));
    const { searchParams } = new URL((await google.browser().get('/auth/oidc/google')).location ?? '');
    expect([searchParams.get('scope'), searchParams.get('access_type')]).toEqual(['openid email', 'offline']);
  });

  it('tells once that the provider refuses, and leaves the VPN alone', async () => {
    box.provider.people.delete('alice');
    await renew();
    expect(await notices()).toEqual(['Example refuses to renew the sign-in of alice@example.com.']);
    expect((await stored())?.refreshToken).toBeNull();
    expect((await alice()).vpn_session_ended_at).toBeNull();
    const asked = tokenRequests();
    await renew();
    expect(tokenRequests()).toBe(asked);
    expect((await notices()).length).toBe(1);
  });

  it('ends the VPN of who is refused until the next sign-in, when the settings say so', async () => {
    await box.api.call('PATCH', '/configuration/oidc', { disable_vpn_on_error: true });
    box.provider.people.delete('alice');
    await renew();
    expect((await alice()).vpn_session_ended_at).not.toBeNull();
    expect(await notices()).toEqual(['Example refuses to renew the sign-in of alice@example.com. The VPN session has ended until the next sign-in.']);
    box.provider.people.set('alice', { ...ALICE });
    await box.signIn(box.browser());
    expect((await alice()).vpn_session_ended_at).toBeNull();
    expect((await stored())?.refreshToken).not.toBeNull();
  });

  it.each<[string, (box: OidcBox) => unknown]>([
    ['answers with an error of its own', ({ provider }) => provider.fail.set('/token', 500)],
    ['is being updated', ({ provider }) => provider.fail.set('/token', 503)],
    ['has a page in front of it', ({ provider }) => provider.tamper.set('/token', () => '<html>')],
    ['does not know this box any more', ({ provider }) => provider.tamper.set('/token', () => ({ error: 'invalid_client' }))],
    ['is gone', ({ provider }) => provider[Symbol.asyncDispose]()],
  ])('cuts nobody off when the provider %s, and warns once after three times', async (_, happens) => {
    await box.api.call('PATCH', '/configuration/oidc', { disable_vpn_on_error: true });
    const token = await tokenOf();
    await happens(box);
    await renew();
    await renew();
    expect(await notices()).toEqual([]);
    await renew();
    await until('the warning', async () => (await notices()).length > 0);
    await renew();
    expect(await notices()).toEqual([expect.stringMatching(/^Example could not be asked three times in a row/)]);
    expect((await alice()).vpn_session_ended_at).toBeNull();
    expect(await tokenOf()).toBe(token);
    expect((await stored())?.failures).toBe(4);
  });

  it('goes on where it was when the provider is back', async () => {
    box.provider.fail.set('/token', 500);
    await renew();
    expect((await stored())?.failures).toBe(1);
    box.provider.fail.clear();
    await renew();
    expect((await stored())?.failures).toBe(0);
    expect((await stored())?.lastError).toBeNull();
  });

  it('asks nothing for who is disabled, has disconnected, or whose provider is off', async () => {
    const asked = tokenRequests();
    const { id } = await alice();
    await box.api.call('POST', `/users/${id}/disable`);
    await renew();
    await box.api.call('POST', `/users/${id}/enable`);
    await box.configure({ enabled: false });
    await renew();
    expect(tokenRequests()).toBe(asked);
    await box.configure({ enabled: true });
    const admin = await box.signedIn();
    const [, identity] = /identities\/([0-9a-f-]{36})\/remove/.exec((await admin.get(`/admin/users/${id}`)).text) ?? [];
    await admin.post(`/admin/users/${id}/identities/${identity}/remove`);
    await renew();
    expect(tokenRequests()).toBe(asked);
    expect(await stored()).toBeUndefined();
  });

  it('leaves a provider alone that fails for many, and counts for all of them', async () => {
    for (let index = 0; index < 30; index += 1) {
      box.provider.people.set(`p${index}`, { email: `p${index}@example.com`, email_verified: true });
      await box.signIn(box.browser(), { as: `p${index}` });
    }
    const asked = tokenRequests();
    box.provider.fail.set('/token', 503);
    await renew();
    expect(tokenRequests() - asked).toBeLessThanOrEqual(8);
    const rows = await box.app.db.select().from(connections);
    expect(rows.map(({ failures }) => failures)).toEqual(Array(31).fill(1));
    box.provider.fail.clear();
    await renew();
    expect((await box.app.db.select().from(connections)).map(({ failures }) => failures)).toEqual(Array(31).fill(0));
  }, 60_000);
});
