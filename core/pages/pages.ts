import { belongingsSlot } from '../accounts/belongings.ts';
import type { Config } from '../config.ts';
import type { Route } from '../http/route.ts';
import { accountPanelSlot, dashboardPanelSlot, devicePanelSlot, diagnosticsPanelSlot, userPanelSlot } from '../plugin/contract.ts';
import type { PluginHost } from '../plugin/host.ts';
import type { Search } from '../search/search.ts';
import { accountPages } from './account.ts';
import { auditPages } from './audit.ts';
import { dashboardPages } from './dashboard.ts';
import { devicePages } from './devices.ts';
import { diagnosticsPages } from './diagnostics.ts';
import { healthPage } from './health.ts';
import { notificationPages } from './notifications.ts';
import { ownSignInPages } from './own-sign-in.ts';
import { pluginPages } from './plugins.ts';
import { provisionalPages } from './provisional.ts';
import { searchPages } from './search.ts';
import { secondStepPages } from './second-step.ts';
import { settingsPages } from './settings.ts';
import { setupPages } from './setup.ts';
import { signInPages } from './sign-in.ts';
import { signInAgainPages } from './sign-in-again.ts';
import { userPages } from './users.ts';

type PartsOf<Pages extends (parts: never) => unknown> = Omit<Parameters<Pages>[0], 'panels' | 'userPanels' | 'belongings' | 'dataDirectory'>;

/** What the pages are made of; panels come from plugins. */
type CorePageParts = PartsOf<typeof setupPages> &
  PartsOf<typeof signInPages> &
  PartsOf<typeof secondStepPages> &
  PartsOf<typeof devicePages> &
  PartsOf<typeof accountPages> &
  PartsOf<typeof ownSignInPages> &
  PartsOf<typeof dashboardPages> &
  PartsOf<typeof userPages> &
  PartsOf<typeof diagnosticsPages> &
  PartsOf<typeof notificationPages> &
  PartsOf<typeof provisionalPages> &
  PartsOf<typeof auditPages> &
  PartsOf<typeof pluginPages> &
  PartsOf<typeof healthPage> & {
    readonly config: Config;
    readonly host: PluginHost;
    readonly search: Search;
    readonly shownSections: PartsOf<typeof settingsPages>['sections'];
  };

/** All pages of core. */
export function corePages(parts: CorePageParts): readonly Route[] {
  const { host, settings, shownSections, search } = parts;
  const { dataDirectory } = parts.config;
  return [
    ...setupPages(parts),
    ...signInPages(parts),
    ...secondStepPages(parts),
    ...devicePages({ ...parts, panels: () => host.all(devicePanelSlot) }),
    ...accountPages({ ...parts, panels: () => host.all(accountPanelSlot) }),
    ...ownSignInPages(parts),
    ...dashboardPages({ ...parts, dataDirectory, panels: () => host.all(dashboardPanelSlot) }),
    ...userPages({ ...parts, userPanels: () => host.all(userPanelSlot), belongings: () => host.all(belongingsSlot) }),
    ...settingsPages({ settings, sections: shownSections }),
    ...diagnosticsPages({ ...parts, dataDirectory, panels: () => host.all(diagnosticsPanelSlot) }),
    ...notificationPages(parts),
    ...searchPages(search),
    ...signInAgainPages,
    ...provisionalPages(parts),
    ...auditPages(parts),
    ...pluginPages(parts),
    healthPage(parts),
  ];
}
