import { z } from 'zod';
import { defineSection, host, InvalidInput, parseAddress, prose, unique } from '#core';
import { text } from './text.ts';

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';

/** How to get a certificate by itself (RFC 8555). */
export const section = defineSection(
  'certificate',
  text.settings,
  z.strictObject({
    automatic: z.boolean().default(false),
    names: unique(host, 100)
      .refine((names) => names.every((name) => parseAddress(name) === null), { error: text.noAddresses })
      .default([]),
    email: z.union([z.literal(''), z.email()]).default(''),
    agrees: z.boolean().default(false),
    directory: z.url({ protocol: /^https$/, error: text.httpsOnly }).default(LETS_ENCRYPT),
    authorities: prose(20_000)
      .refine((pem) => pem === '' || pem.includes('-----BEGIN CERTIFICATE-----'), { error: text.pem })
      .default(''),
    mayReachThisBox: z.boolean().default(false),
  }),
);

export type AcmeSettings = z.output<typeof section.schema>;

/** Throws InvalidInput when that is not enough to ask for a certificate. */
export function refuseIncomplete({ names, agrees }: Pick<AcmeSettings, 'names' | 'agrees'>): void {
  if (names.length === 0) throw new InvalidInput({ names: [text.needs.names] });
  if (!agrees) throw new InvalidInput({ agrees: [text.needs.agrees] });
}
