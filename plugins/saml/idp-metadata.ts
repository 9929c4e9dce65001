import { X509Certificate } from 'node:crypto';
import { InvalidInput } from '#core';
import { text } from './text.ts';
import { attribute, children, everyNamed, NS, onlyChild, parseXml, textOf, XmlRefused } from './xml.ts';

/** What this box needs to know of a provider. */
export interface IdentityProvider {
  readonly entityId: string;
  readonly signInUrl: string;
  /** DER in base64, without line breaks; at least one. */
  readonly certificates: readonly string[];
}

/** A certificate as people may check it. */
export interface CertificateFacts {
  /** SHA-256, hex in pairs. */
  readonly fingerprint: string;
  readonly expiresAt: Date;
}

export const LARGEST_METADATA_BYTES = 524_288;
const REDIRECT = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect';
const MOST_CERTIFICATES = 10;
const LEAST_RSA_BITS = 2048;

/** Reads SAML 2.0 metadata. Throws InvalidInput for the field `metadata`, saying what is missing. */
export async function readIdpMetadata(xml: string): Promise<IdentityProvider> {
  try {
    const entity = entityOf(await parseXml(xml.replace(/^\uFEFF/, ''), { largestBytes: LARGEST_METADATA_BYTES }));
    const role = onlyChild(entity, NS.metadata, 'IDPSSODescriptor');
    const entityId = attribute(entity, 'entityID');
    if (role === null || entityId === null) throw new XmlRefused(text.metadata.noProvider);
    if (entityId.length > 1024 || /\p{Cc}/u.test(entityId)) throw new XmlRefused(text.metadata.badEntityId);
    return { entityId, signInUrl: signInUrlOf(role), certificates: certificatesOf(role) };
  } catch (cause) {
    if (cause instanceof XmlRefused) throw new InvalidInput({ metadata: [text.metadata.unreadable(cause.message)] }, { cause });
    throw cause;
  }
}

/** Who signs with it and until when. */
export function describeCertificate(der: string): CertificateFacts {
  const certificate = new X509Certificate(Buffer.from(der, 'base64'));
  return { fingerprint: certificate.fingerprint256, expiresAt: certificate.validToDate };
}

/** Federations publish many entities in one document; this box takes documents about one provider. */
function entityOf(root: Element): Element {
  if (root.namespaceURI !== NS.metadata) throw new XmlRefused(text.metadata.noMetadata);
  const providers = everyNamed(root, 'EntityDescriptor').filter((entity) => children(entity, NS.metadata, 'IDPSSODescriptor').length > 0);
  const [entity, ...others] = providers;
  if (entity === undefined) throw new XmlRefused(text.metadata.noProvider);
  if (others.length > 0) throw new XmlRefused(text.metadata.severalProviders);
  return entity;
}

function signInUrlOf(role: Element): string {
  const services = children(role, NS.metadata, 'SingleSignOnService');
  const location = attribute(services.find((service) => attribute(service, 'Binding') === REDIRECT) ?? null, 'Location');
  if (location === null) throw new XmlRefused(text.metadata.noRedirect);
  if (!URL.canParse(location) || !/^https?:$/.test(new URL(location).protocol)) throw new XmlRefused(text.metadata.badLocation(location.slice(0, 200)));
  return new URL(location).href;
}

function certificatesOf(role: Element): readonly string[] {
  const keys = children(role, NS.metadata, 'KeyDescriptor').filter((key) => attribute(key, 'use') !== 'encryption');
  const found = keys.flatMap((key) => everyNamed(key, 'X509Certificate').map((element) => textOf(element).replace(/\s+/g, '')));
  const certificates = [...new Set(found)];
  if (certificates.length === 0) throw new XmlRefused(text.metadata.noCertificate);
  if (certificates.length > MOST_CERTIFICATES) throw new XmlRefused(text.metadata.tooManyCertificates(MOST_CERTIFICATES));
  for (const certificate of certificates) refuseWeak(certificate);
  return certificates;
}

/** xml-crypto verifies RSA signatures alone. */
function refuseWeak(der: string): void {
  const key = publicKeyOf(der);
  if (key.asymmetricKeyType !== 'rsa') throw new XmlRefused(text.metadata.notRsa(key.asymmetricKeyType ?? '–'));
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < LEAST_RSA_BITS) throw new XmlRefused(text.metadata.weakKey(bits, LEAST_RSA_BITS));
}

function publicKeyOf(der: string) {
  try {
    return new X509Certificate(Buffer.from(der, 'base64')).publicKey;
  } catch (cause) {
    throw new XmlRefused(text.metadata.badCertificate, { cause });
  }
}
