import { boxStateSlot, type Host, type Plugin, type Poll, Unavailable, type Vitals } from '#core';
import { createAccess } from './access.ts';
import { createCollector } from './collector.ts';
import { expose } from './exposition.ts';
import { gauges } from './gauges.ts';
import { metricsOperations } from './operations.ts';
import { metricsPages } from './pages.ts';
import { section } from './section.ts';
import { text } from './text.ts';

/** Figures for Prometheus. */
export const metrics: Plugin = {
  manifest: { id: 'metrics', title: text.title, summary: text.summary, settings: section },
  setup(host: Host) {
    const access = createAccess(host);
    const collector = createCollector();
    let poll: Poll | null = null;
    let vitals: Vitals | null = null;

    async function scrape(): Promise<string> {
      const [box] = host.all(boxStateSlot);
      if (!box) throw new Unavailable(text.off);
      // The event loop is watched from the first scrape on.
      vitals ??= box.vitals();
      return expose([...collector.families(), ...(await gauges(host, box, poll, vitals))]);
    }

    return {
      pages: () => metricsPages({ ...host, access, scrape }),
      api: metricsOperations(access),
      on: {
        ...collector.on,
        'peers.polled': (latest) => {
          poll = latest;
        },
      },
      stop: async () => vitals?.stop(),
    };
  },
};
