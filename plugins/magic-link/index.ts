import { type Host, mailerSlot, type Plugin } from '#core';
import { createLinks } from './links.ts';
import { linkPages, METHOD, PATH } from './pages.ts';
import { text } from './text.ts';

const HOUR_MS = 3_600_000;

/** Signs in whoever reads the mail that is sent to an account's address. */
export const magicLink: Plugin = {
  manifest: { id: 'magic-link', title: text.title, summary: text.summary, whenOff: text.whenOff },
  setup(host: Host) {
    const links = createLinks(host);
    return {
      pages: () => linkPages(host, links),
      signIn: async () => ((await host.all(mailerSlot)[0]?.isReady()) ? [{ id: METHOD, label: text.label, path: PATH, icon: 'mail' }] : []),
      jobs: [{ id: 'old-links', everyMs: HOUR_MS, deadlineMs: 60_000, run: links.removeOld }],
    };
  },
};
