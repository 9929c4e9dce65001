import { randomBytes } from 'node:crypto';
import { type Host, Unavailable } from '#core';
import { type CertificateFacts, describeCertificate } from './idp-metadata.ts';
import type { KeyPairs } from './key-pair.ts';
import type { Provider } from './store.ts';
import { escapeXml, NS } from './xml.ts';

/** What a provider must be told of this box; each of its providers sees it under addresses of its own. */
export interface ServiceProviderFacts {
  /** Also where the metadata stands. */
  readonly entityId: string;
  readonly consumerUrl: string;
  readonly metadataUrl: string;
}

export interface ServiceProvider {
  /** The document to register at the provider, signed if it wants that. */
  metadata(origin: string, provider: Provider): Promise<string>;
  /** Where the browser goes to sign in, with a request of this id (HTTP-Redirect binding). */
  requestUrl(origin: string, provider: Provider, requestId: string): Promise<URL>;
}

export const ROOT = '/auth/saml';
const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256';
const SHA256 = 'http://www.w3.org/2001/04/xmlenc#sha256';
const EXCLUSIVE_C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#';
const ENVELOPED = 'http://www.w3.org/2000/09/xmldsig#enveloped-signature';
const POST = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST';

export function serviceProviderFacts(origin: string, providerId: string): ServiceProviderFacts {
  const metadataUrl = `${origin}${ROOT}/sp/metadata/${providerId}`;
  return { entityId: metadataUrl, consumerUrl: `${origin}${ROOT}/sp/consume/${providerId}`, metadataUrl };
}

/** Not to be guessed; an XML id begins with no digit (SAML core 1.3.4). */
export function newRequestId(): string {
  return `_${randomBytes(20).toString('hex')}`;
}

export function createServiceProvider(keyPairs: KeyPairs, { log }: Pick<Host, 'log'>): ServiceProvider {
  return {
    async metadata(origin, provider) {
      const { privateKey } = await keyPairs.current();
      const xml = describe(serviceProviderFacts(origin, provider.id), provider, await keyPairs.certificates());
      if (!provider.signMetadata) return xml;
      const { SignedXml } = await import('./libraries.ts');
      const signature = new SignedXml({ privateKey, signatureAlgorithm: RSA_SHA256, canonicalizationAlgorithm: EXCLUSIVE_C14N });
      signature.addReference({ xpath: '/*', digestAlgorithm: SHA256, transforms: [ENVELOPED, EXCLUSIVE_C14N] });
      signature.computeSignature(xml, { prefix: 'ds', location: { reference: '/*', action: 'prepend' } });
      return signature.getSignedXml();
    },
    async requestUrl(origin, provider, requestId) {
      const { entityId, consumerUrl } = serviceProviderFacts(origin, provider.id);
      const { SAML } = await import('./libraries.ts');
      const saml = new SAML({
        issuer: entityId,
        callbackUrl: consumerUrl,
        entryPoint: provider.signInUrl,
        idpCert: [...provider.certificates],
        generateUniqueId: () => requestId,
        // Which name and how people sign in is the provider's business.
        identifierFormat: null,
        disableRequestedAuthnContext: true,
        signatureAlgorithm: 'sha256',
        ...(provider.signRequests ? { privateKey: (await keyPairs.current()).privateKey } : {}),
      });
      try {
        return new URL(await saml.getAuthorizeUrlAsync('', undefined, {}));
      } catch (cause) {
        log.error({ provider: provider.id }, 'SAML request could not be made');
        throw new Unavailable(`cannot ask ${provider.label}`, { cause });
      }
    },
  };
}

function describe({ entityId, consumerUrl }: ServiceProviderFacts, provider: Provider, certificates: readonly string[]): string {
  const keys = certificates.map(
    (pem) =>
      `<KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="${NS.signature}"><ds:X509Data><ds:X509Certificate>${derOf(pem)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>`,
  );
  return [
    `<EntityDescriptor xmlns="${NS.metadata}" ID="${newRequestId()}" entityID="${escapeXml(entityId)}">`,
    `<SPSSODescriptor protocolSupportEnumeration="${NS.protocol}" AuthnRequestsSigned="${provider.signRequests}" WantAssertionsSigned="${provider.requireSignedAssertion}">`,
    ...keys,
    `<AssertionConsumerService Binding="${POST}" Location="${escapeXml(consumerUrl)}" index="0" isDefault="true"/>`,
    '</SPSSODescriptor></EntityDescriptor>',
  ].join('');
}

/** A PEM's content on one line. */
export function derOf(pem: string): string {
  return pem.replace(/-----[^-]+-----|\s+/g, '');
}

/** This box's certificate as people may check it. */
export function describePem(pem: string): CertificateFacts {
  return describeCertificate(derOf(pem));
}
