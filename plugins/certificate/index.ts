import { certificatesSlot, type Host, type Plugin } from '#core';
import { certificateOperations } from './operations.ts';
import { certificatePages } from './pages.ts';
import { type AcmeSettings, refuseIncomplete, section } from './section.ts';
import { createCertificateService } from './service.ts';
import { text } from './text.ts';

const HOUR_MS = 3_600_000;

export const certificate: Plugin = {
  manifest: { id: 'certificate', title: text.title, summary: text.summary, settings: section },
  setup(host: Host) {
    const service = createCertificateService({ ...host, certificates: () => host.all(certificatesSlot)[0] });
    const release = host.settings.guard(section.id, async (_, next) => {
      if (next['automatic'] === true) refuseIncomplete(next as AcmeSettings);
    });
    return {
      pages: () => certificatePages(host, service),
      api: certificateOperations(service),
      jobs: [{ id: 'renewal', everyMs: 12 * HOUR_MS, deadlineMs: 300_000, run: service.renew }],
      stop: async () => release(),
    };
  },
};
