import { KeyObject } from 'node:crypto';
import type { KeyAndCertificate } from '#core';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A new key (PKCS #8, PEM) and a request to certify it for the names (PKCS #10, DER). */
export async function makeSigningRequest(names: readonly string[]): Promise<Pick<KeyAndCertificate, 'key'> & { readonly request: Uint8Array }> {
  await import('reflect-metadata');
  const { cryptoProvider, Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } = await import('@peculiar/x509');
  cryptoProvider.set(crypto);
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const extensions = [new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value })))];
  const request = await Pkcs10CertificateRequestGenerator.create({ name: '', keys, signingAlgorithm: ALGORITHM, extensions });
  return { request: new Uint8Array(request.rawData), key: pemOf(keys.privateKey) };
}

/** A key for an account at an authority. */
export async function makeAccountKey(): Promise<string> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  return pemOf(keys.privateKey);
}

function pemOf(key: CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}
