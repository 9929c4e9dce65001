import { expect } from 'vitest';
import { makeKeyPair } from '../../core/devices/keys.ts';
import { apiOf, type TestApi } from './api.ts';
import { createTestApp, type TestApp, type TestBrowser } from './app.ts';
import { createNetwork } from './network.ts';
import { until } from './wait.ts';

export const ALICE = { email: 'alice@example.com', password: 'a secret of hers' };
const SESSION_SECONDS = 3_600;
const WITHIN_MS = 1_000;

/** A box with its data plane, on which tunnels stay open for an hour, and Alice has a device. */
export interface TunnelBox extends AsyncDisposable {
  readonly box: TestApp;
  readonly api: TestApi;
  isPeer(): Promise<boolean>;
  /** Whoever signs in this way has a tunnel at once, and has it no more when the session has run out. */
  opensTheTunnel(signIn: () => Promise<unknown>): Promise<void>;
  /** Gives the password, and leaves the second factor to be asked for; without it there is no tunnel. */
  untilSecondStep(): Promise<TestBrowser>;
}

export async function createTunnelBox(): Promise<TunnelBox> {
  const cleanUp = new AsyncDisposableStack();
  const network = cleanUp.use(await createNetwork());
  const box = cleanUp.use(await createTestApp({ network }));
  const api = await apiOf(box);
  const { publicKey } = makeKeyPair();
  const user = await api.call('POST', '/users', ALICE);
  await api.call('POST', '/devices', { name: 'Phone', user_id: user.body.id, public_key: publicKey });
  await api.call('PATCH', '/configuration/security', { vpn_session_duration: SESSION_SECONDS });
  const isPeer = async () => (await network.server.run(['wg', 'show', network.interfaceName, 'peers'])).stdout.includes(publicKey);

  return {
    box,
    api,
    isPeer,
    async opensTheTunnel(signIn) {
      box.clock.advance((SESSION_SECONDS + 1) * 1_000);
      await until('no session, no peer', async () => !(await isPeer()));
      await signIn();
      await until('the device is a peer', isPeer, WITHIN_MS);
      box.clock.advance((SESSION_SECONDS - 1) * 1_000);
      expect(await isPeer()).toBe(true);
      box.clock.advance(1_001);
      await until('the session has run out', async () => !(await isPeer()), WITHIN_MS);
    },
    async untilSecondStep() {
      const browser = box.browser();
      expect((await browser.post('/login', ALICE)).location).toBe('/mfa');
      // Time enough for the peer that must not come.
      await box.app.reconciler.request();
      expect(await isPeer()).toBe(false);
      return browser;
    },
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}
