import { accountPanelSlot, afterSignOutSlot, fill, type Host, type Plugin } from '#core';
import { accountPanel } from './account-panel.ts';
import { adminPages } from './admin-pages.ts';
import { createCheck } from './check.ts';
import { createConnections } from './connections.ts';
import { createDiscovery } from './discovery.ts';
import { createFlow } from './flow.ts';
import { providerOperations } from './operations.ts';
import { createProviders } from './providers.ts';
import { createRefresh } from './refresh.ts';
import { section } from './section.ts';
import { seedProviders } from './seed.ts';
import { signInMethods, signInPages } from './sign-in-pages.ts';
import { afterSignOut, signedOutPages } from './signed-out.ts';
import { text } from './text.ts';

const TEN_MINUTES_MS = 600_000;

/** Sign-in through OpenID Connect providers, and asking them whether people may stay. */
export const oidc: Plugin = {
  manifest: { id: 'oidc', title: text.title, summary: text.summary, whenOff: text.whenOff, settings: section },
  async setup(host: Host) {
    await seedProviders(host);
    const discovery = createDiscovery(host.clock);
    const flow = createFlow(host, discovery);
    const connections = createConnections(host);
    const providers = createProviders(host);
    const check = createCheck(host);
    const parts = { ...host, flow, connections, providers, check };
    return {
      pages: () => [...signInPages(parts), ...signedOutPages(parts), ...adminPages(parts)],
      api: providerOperations(parts),
      jobs: [{ id: 'refresh', everyMs: TEN_MINUTES_MS, deadlineMs: TEN_MINUTES_MS - 60_000, run: createRefresh(host, discovery) }],
      signIn: () => signInMethods(host),
      fills: [fill(accountPanelSlot, accountPanel(host)), fill(afterSignOutSlot, afterSignOut(parts))],
    };
  },
};
