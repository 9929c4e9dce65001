import { belongingsSlot, fill, finderSlot, type Host, type Plugin, userPanelSlot } from '#core';
import { assertionPages } from './assertion-pages.ts';
import { createAssertions } from './assertions.ts';
import { can, ruleCommand } from './commands.ts';
import { compile } from './compile.ts';
import { ruleFinder } from './finder.ts';
import { firewallOperations } from './operations.ts';
import { createPolicy, takeBack } from './policy.ts';
import { rulePages } from './rule-pages.ts';
import { createRules } from './rules.ts';
import { section } from './section.ts';
import { createSimulator } from './simulator.ts';
import { simulatorPages } from './simulator-pages.ts';
import { countRulesOf, enabledRules } from './store.ts';
import { text } from './text.ts';
import { userPanel } from './user-panel.ts';

/** Rules for what peers send, an answer to who may reach what, and what must stay so. */
export const firewall: Plugin = {
  manifest: { id: 'firewall', title: text.title, summary: text.summary, whenOff: text.whenOff, settings: section },
  commands: [can, ruleCommand],
  setup(host: Host) {
    const assertions = createAssertions(host);
    const rules = createRules(host, assertions);
    const policy = createPolicy(host, assertions);
    const simulate = createSimulator(host);
    const stopWatching = policy.watch();
    const parts = { ...host, rules, assertions, policy, simulate };
    return {
      pages: () => [...simulatorPages(parts), ...assertionPages(parts), ...rulePages(parts)],
      nav: [{ label: text.nav, path: '/admin/rules', icon: 'shield', permission: 'rules.manage', group: 'admin' }],
      api: firewallOperations(parts),
      network: async (keys) => compile(await enabledRules(host.db, keys), (await host.settings.read(section)).defaultPolicy, keys),
      fills: [
        fill(userPanelSlot, userPanel(host)),
        fill(belongingsSlot, { count: (ids) => countRulesOf(host.db, ids), name: text.ruleCount }),
        fill(finderSlot, ruleFinder(host)),
      ],
      revert: (tx, undo) => takeBack(host, tx, undo as Parameters<typeof takeBack>[2]),
      stop: async () => stopWatching(),
    };
  },
};
