import type { Host, Job } from '#core';
import { describeCertificate } from './idp-metadata.ts';
import type { KeyPairs } from './key-pair.ts';
import { derOf } from './service-provider.ts';
import { allProviders } from './store.ts';
import { text } from './text.ts';

const DAY_MS = 86_400_000;
export const WARN_BEFORE_MS = 30 * DAY_MS;

/** Tells the administrators a month before a certificate ends, the providers' and this box's own. */
export function expiryJob({ db, clock, events }: Pick<Host, 'db' | 'clock' | 'events'>, keyPairs: KeyPairs): Job {
  return {
    id: 'certificates',
    everyMs: DAY_MS,
    deadlineMs: 60_000,
    async run() {
      const soon = new Date(clock.now().getTime() + WARN_BEFORE_MS);
      const warn = (message: string) => events.emit('attention.needed', { severity: 'warning', about: 'saml', message });
      for (const { label, enabled, certificates } of await allProviders(db)) {
        const ends = lastEnd(certificates);
        if (enabled && ends < soon) warn(text.certificates.ofProvider(label, dayOf(ends)));
      }
      const own = await keyPairs.certificates();
      if (own.length === 1 && lastEnd(own.map(derOf)) < soon) warn(text.certificates.ofBox(dayOf(lastEnd(own.map(derOf)))));
    },
  };
}

/** While one of several is good, signatures are too. */
function lastEnd(certificates: readonly string[]): Date {
  return new Date(Math.max(...certificates.map((der) => describeCertificate(der).expiresAt.getTime())));
}

function dayOf(moment: Date): string {
  return moment.toISOString().slice(0, 10);
}
