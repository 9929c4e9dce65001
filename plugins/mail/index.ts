import { fill, type Host, mailerSlot, type Plugin } from '#core';
import { createMailer } from './mailer.ts';
import { mailOperations } from './operations.ts';
import { testPages } from './pages.ts';
import { createReports } from './reports.ts';
import { requireSender, section } from './section.ts';
import { createSessionWarnings } from './session-warnings.ts';
import { text } from './text.ts';

const MINUTE_MS = 60_000;

/** Sends mail for everybody here who has some, and two kinds of its own. */
export const mail: Plugin = {
  manifest: { id: 'mail', title: text.title, summary: text.summary, settings: section },
  setup(host: Host) {
    const mailer = createMailer(host);
    const reports = createReports(host, mailer);
    const stopWatching = requireSender(host);
    return {
      pages: () => testPages(mailer),
      api: mailOperations(mailer),
      jobs: [
        { id: 'reports', everyMs: MINUTE_MS, deadlineMs: 5 * MINUTE_MS, run: reports.send },
        { id: 'session-warnings', everyMs: MINUTE_MS, deadlineMs: 5 * MINUTE_MS, run: createSessionWarnings(host, mailer) },
      ],
      on: {
        'notification.raised': reports.gather,
        'settings.changed': ({ section: changed }) => (changed === section.id ? mailer.forgetFailures() : undefined),
      },
      fills: [fill(mailerSlot, mailer)],
      stop: async () => stopWatching(),
    };
  },
};
