import { accountPanelSlot, fill, type Host, type Plugin, providerSeedSlot } from '#core';
import { expiryJob } from './expiry.ts';
import { createKeyPairs } from './key-pair.ts';
import { samlOperations } from './operations.ts';
import { providerPages, ROOT } from './provider-pages.ts';
import { createProviders } from './providers.ts';
import { plantSeed } from './seed.ts';
import { createServiceProvider } from './service-provider.ts';
import { createSamlSignIn } from './sign-in.ts';
import { connectPanel, signInPages } from './sign-in-pages.ts';
import { createExchange } from './store.ts';
import { text } from './text.ts';

const MINUTE_MS = 60_000;

/** Sign-in through SAML 2.0 identity providers. */
export const saml: Plugin = {
  manifest: { id: 'saml', title: text.title, summary: text.summary, whenOff: text.whenOff },
  async setup(host: Host) {
    const seed = await plantSeed(host, host.all(providerSeedSlot)[0]?.['saml']);
    const keyPairs = createKeyPairs(host);
    const providers = createProviders(host);
    const exchange = createExchange(host);
    const serviceProvider = createServiceProvider(keyPairs, host);
    const signIn = createSamlSignIn({ ...host, serviceProvider, exchange });
    // Not waited for: a provider that does not answer keeps nobody from starting.
    void seed.fetchMissing();
    return {
      pages: () => [...signInPages({ signIn, serviceProvider }), ...providerPages({ providers, keyPairs, clock: host.clock })],
      nav: [{ label: text.nav, path: ROOT, icon: 'login-2', permission: 'settings.manage', group: 'settings' }],
      api: samlOperations({ ...host, providers, keyPairs }),
      signIn: signIn.methods,
      jobs: [
        { id: 'missing-metadata', everyMs: MINUTE_MS, deadlineMs: MINUTE_MS, run: seed.fetchMissing },
        { id: 'old-exchanges', everyMs: 60 * MINUTE_MS, deadlineMs: MINUTE_MS, run: exchange.removeExpired },
        expiryJob(host, keyPairs),
      ],
      fills: [fill(accountPanelSlot, connectPanel(host, signIn))],
    };
  },
};
