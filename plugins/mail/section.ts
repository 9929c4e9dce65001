import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { defineSection, email, type Host, host, InvalidInput, line, prose, secretText, within } from '#core';
import { text } from './text.ts';

const certificates = prose(65_536).refine(areCertificates, { error: text.certificates });

export const section = defineSection(
  'mail',
  text.settings,
  z.strictObject({
    host: host.nullable().default(null),
    port: within(1, 65_535).default(587),
    security: z.enum(['starttls', 'tls', 'none']).default('starttls'),
    user: line(1, 254).nullable().default(null),
    password: secretText(1_024),
    fromAddress: email.nullable().default(null),
    fromName: line(1, 100).default('WireGUI'),
    ca: certificates.nullable().default(null),
    notifyAdmins: z.enum(['off', 'errors', 'warnings']).default('off'),
  }),
);

export type MailSettings = z.output<typeof section.schema>;

/** A server without a sender's address would never send anything. The answer ends the watch. */
export function requireSender({ settings }: Pick<Host, 'settings'>): () => void {
  return settings.guard(section.id, async (_tx, { host: server, fromAddress }) => {
    if (server !== null && fromAddress === null) throw new InvalidInput({ fromAddress: [text.senderMissing] });
  });
}

/** PEM (RFC 7468), and nothing else beside it. */
function areCertificates(pem: string): boolean {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.length > 0 && blocks.join('').replace(/\s/g, '') === pem.replace(/\s/g, '') && blocks.every(isCertificate);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}
