import { KeyObject, randomBytes } from 'node:crypto';
import type { KeyAndCertificate } from './certificates.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR_MS = 3_600_000;
/** The most that Apple's systems accept of a certificate that a person has trusted by hand (support.apple.com/103769). */
export const SELF_SIGNED_DAYS = 825;

/** A key pair of this box's own with a certificate for these host names and addresses. Browsers ask once whether to trust it. */
export async function makeSelfSigned(names: readonly string[], now: Date): Promise<KeyAndCertificate> {
  // Loaded when a certificate is made, which is once in years.
  await import('reflect-metadata');
  const { cryptoProvider, ExtendedKeyUsageExtension, SubjectAlternativeNameExtension, X509CertificateGenerator } = await import('@peculiar/x509');
  cryptoProvider.set(crypto);
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    // Positive and never the same twice (RFC 5280, 4.1.2.2).
    serialNumber: `01${randomBytes(15).toString('hex')}`,
    name: 'CN=WireGUI',
    // The browser's clock may be behind ours.
    notBefore: new Date(now.getTime() - HOUR_MS),
    notAfter: new Date(now.getTime() + SELF_SIGNED_DAYS * 24 * HOUR_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new SubjectAlternativeNameExtension(names.map((value) => ({ type: isAddress(value) ? ('ip' as const) : ('dns' as const), value }))),
      new ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1']), // id-kp-serverAuth
    ],
  });
  const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
  return { key, certificate: `${certificate.toString('pem')}\n` };
}

function isAddress(name: string): boolean {
  return name.includes(':') || /^[\d.]+$/.test(name);
}
