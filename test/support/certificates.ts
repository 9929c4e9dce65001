import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { BasicConstraintsExtension, cryptoProvider, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import type { KeyAndCertificate } from '../../core/http/certificates.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A certificate authority of the test's own. */
export interface Authority {
  /** PEM. */
  readonly root: string;
  issue(name: string, from: Date, until: Date): Promise<KeyAndCertificate>;
}

export async function createAuthority(from = new Date('2020-01-01'), until = new Date('2040-01-01')): Promise<Authority> {
  cryptoProvider.set(crypto);
  const keys = await newKeys();
  const root = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: 'CN=Test authority',
    notBefore: from,
    notAfter: until,
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new BasicConstraintsExtension(true, 1, true)],
  });
  return {
    root: root.toString('pem'),
    async issue(name, notBefore, notAfter) {
      const own = await newKeys();
      const certificate = await X509CertificateGenerator.create({
        serialNumber: serial(),
        subject: `CN=${name}`,
        issuer: root.subject,
        notBefore,
        notAfter,
        signingAlgorithm: ALGORITHM,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
      });
      const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', own.privateKey)).toString('base64');
      return { key: `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`, certificate: certificate.toString('pem') };
    },
  };
}

const newKeys = () => crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
const serial = () => `01${randomBytes(8).toString('hex')}`;
