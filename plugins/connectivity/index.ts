import { diagnosticsPanelSlot, fill, type Host, type Plugin } from '#core';
import { createChecks } from './checks.ts';
import { connectivityOperations } from './operations.ts';
import { connectivityPages, connectivityPanel } from './pages.ts';
import { section } from './section.ts';
import { text } from './text.ts';

/** How often it is asked whether a check is due. */
const TICK_MS = 10_000;

/** Notices when this box has no way out. */
export const connectivity: Plugin = {
  manifest: { id: 'connectivity', title: text.title, summary: text.summary, settings: section },
  setup(host: Host) {
    const checks = createChecks(host);
    return {
      pages: () => connectivityPages(checks),
      api: connectivityOperations(checks),
      jobs: [{ id: 'check', everyMs: TICK_MS, deadlineMs: 30_000, run: checks.checkWhenDue }],
      fills: [fill(diagnosticsPanelSlot, connectivityPanel(host, checks))],
    };
  },
};
