import 'reflect-metadata';
import { randomUUID, webcrypto } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inflateRawSync } from 'node:zlib';
import { cryptoProvider, X509CertificateGenerator } from '@peculiar/x509';
import { SignedXml } from 'xml-crypto';

/** What a service provider asks in the address that it sends a browser to (HTTP-Redirect binding). */
export interface AskedFor {
  readonly id: string;
  readonly consumerUrl: string;
  readonly issuer: string;
  readonly xml: string;
  readonly query: URLSearchParams;
}

/** Everything an answer says; a test changes what it wants to be wrong. */
export interface Saying {
  readonly now?: Date;
  readonly issuer?: string;
  readonly assertionIssuer?: string;
  readonly destination?: string;
  readonly recipient?: string;
  readonly audience?: string;
  readonly inResponseTo?: string;
  readonly subjectInResponseTo?: string;
  readonly assertionId?: string;
  readonly nameId?: string;
  readonly format?: string;
  readonly nameIdAttributes?: string;
  readonly attributes?: Readonly<Record<string, readonly string[]>>;
  readonly notBefore?: Date;
  readonly notOnOrAfter?: Date;
  readonly confirmedUntil?: Date;
  readonly status?: string;
  /** Put into the assertion's conditions, its subject confirmation, and beside the assertion, as they are. */
  readonly conditions?: string;
  readonly method?: string;
  readonly signs?: 'assertion' | 'response' | 'both' | 'nothing';
  readonly algorithms?: { readonly signature?: string; readonly digest?: string };
  readonly key?: KeyPair;
  /** The XML before and after it is signed. */
  readonly before?: (xml: string) => string;
  readonly after?: (xml: string) => string;
}

export interface KeyPair {
  readonly privateKey: string;
  readonly certificate: string;
}

export const FORMATS = {
  email: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
  persistent: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  transient: 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient',
};
const SHA256 = { signature: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256', digest: 'http://www.w3.org/2001/04/xmlenc#sha256' };
export const SHA1 = { signature: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1', digest: 'http://www.w3.org/2000/09/xmldsig#sha1' };
const C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#';
const MINUTE_MS = 60_000;

/** A small identity provider of SAML 2.0 that says whatever a test wants it to say. */
export async function createIdp(entityId: string, signInUrl = `${entityId}/sso`) {
  const pair = await makeKeyPair();

  return {
    entityId,
    signInUrl,
    pair,
    metadata: (certificates: readonly string[] = [pair.certificate]) => describeIdp(entityId, signInUrl, certificates),
    /** An answer as the form field SAMLResponse holds it. */
    answer: (asked: AskedFor, saying: Saying = {}) => Buffer.from(respond(asked, { issuer: entityId, key: pair, ...saying })).toString('base64'),
  };
}

export type Idp = Awaited<ReturnType<typeof createIdp>>;

export function describeIdp(entityId: string, signInUrl: string, certificates: readonly string[]): string {
  const keys = certificates.map(
    (pem) =>
      `<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>${derOf(pem)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`,
  );
  return `<?xml version="1.0"?><!-- ours --><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="${escaped(entityId)}"><md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">${keys.join('')}<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="${escaped(signInUrl)}/post"/><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="${escaped(signInUrl)}"/></md:IDPSSODescriptor></md:EntityDescriptor>`;
}

/** Reads the address that a browser was sent to. */
export function readRequest(address: string | null): AskedFor {
  const query = new URL(address ?? '').searchParams;
  const xml = inflateRawSync(Buffer.from(query.get('SAMLRequest') ?? '', 'base64')).toString();
  const part = (pattern: RegExp) => pattern.exec(xml)?.[1] ?? '';
  return { id: part(/ ID="([^"]+)"/), consumerUrl: part(/AssertionConsumerServiceURL="([^"]+)"/), issuer: part(/Issuer[^>]*>([^<]+)</), xml, query };
}

export async function makeKeyPair(validMs = 3_650 * 86_400_000, from = new Date('2026-05-01T00:00:00Z'), modulusLength = 2048): Promise<KeyPair> {
  cryptoProvider.set(webcrypto as Crypto);
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength, publicExponent: new Uint8Array([1, 0, 1]) };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=A provider',
    serialNumber: '01',
    notBefore: from,
    notAfter: new Date(from.getTime() + validMs),
    signingAlgorithm: algorithm,
    keys: keys as CryptoKeyPair,
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const privateKey = `-----BEGIN PRIVATE KEY-----\n${(der.match(/.{1,64}/g) ?? []).join('\n')}\n-----END PRIVATE KEY-----\n`;
  return { privateKey, certificate: certificate.toString('pem') };
}

/** Signs the element that the XPath finds, by its ID, right after its Issuer. */
export function sign(xml: string, element: string, { key, algorithms = {} }: { key: KeyPair; algorithms?: Saying['algorithms'] }): string {
  const xpath = `//*[local-name(.)='${element}']`;
  const signature = new SignedXml({
    privateKey: key.privateKey,
    publicCert: key.certificate,
    signatureAlgorithm: algorithms?.signature ?? SHA256.signature,
    canonicalizationAlgorithm: C14N,
  });
  signature.addReference({
    xpath,
    digestAlgorithm: algorithms?.digest ?? SHA256.digest,
    transforms: ['http://www.w3.org/2000/09/xmldsig#enveloped-signature', C14N],
  });
  signature.computeSignature(xml, { prefix: 'ds', location: { reference: `${xpath}/*[local-name(.)='Issuer']`, action: 'after' } });
  return signature.getSignedXml();
}

function respond(asked: AskedFor, saying: Saying & { readonly issuer: string; readonly key: KeyPair }): string {
  const { signs = 'assertion', before = same, after = same } = saying;
  let xml = before(describeResponse(asked, saying));
  if (signs === 'assertion' || signs === 'both') xml = sign(xml, 'Assertion', saying);
  if (signs === 'response' || signs === 'both') xml = sign(xml, 'Response', saying);
  return after(xml);
}

const same = (xml: string) => xml;

function describeResponse(asked: AskedFor, saying: Saying & { readonly issuer: string }): string {
  const now = saying.now ?? new Date('2026-06-01T12:00:00Z');
  const { destination = asked.consumerUrl, inResponseTo = asked.id, status = 'Success' } = saying;
  return [
    `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r${randomUUID()}" Version="2.0" IssueInstant="${now.toISOString()}"`,
    `${destination === '' ? '' : ` Destination="${escaped(destination)}"`}${inResponseTo === '' ? '' : ` InResponseTo="${escaped(inResponseTo)}"`}>`,
    `<saml:Issuer>${escaped(saying.issuer)}</saml:Issuer>`,
    `<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:${status}"/></samlp:Status>`,
    status === 'Success' ? describeAssertion(asked, saying, now) : '',
    '</samlp:Response>',
  ].join('');
}

function describeAssertion(asked: AskedFor, saying: Saying & { readonly issuer: string }, now: Date): string {
  const { nameId = 'alice@example.com', format = FORMATS.email, attributes = {}, recipient = asked.consumerUrl, audience = asked.issuer } = saying;
  const later = new Date(now.getTime() + 5 * MINUTE_MS);
  const { notBefore = now, notOnOrAfter = later, confirmedUntil = later, conditions = '', method = 'bearer' } = saying;
  const { subjectInResponseTo = saying.inResponseTo ?? asked.id, assertionIssuer = saying.issuer, nameIdAttributes = '' } = saying;
  const values = (list: readonly string[]) => list.map((value) => `<saml:AttributeValue>${escaped(value)}</saml:AttributeValue>`).join('');
  return [
    `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="${saying.assertionId ?? `_a${randomUUID()}`}" Version="2.0" IssueInstant="${now.toISOString()}">`,
    `<saml:Issuer>${escaped(assertionIssuer)}</saml:Issuer>`,
    `<saml:Subject><saml:NameID Format="${format}"${nameIdAttributes}>${escaped(nameId)}</saml:NameID>`,
    `<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:${method}"><saml:SubjectConfirmationData InResponseTo="${escaped(subjectInResponseTo)}" Recipient="${escaped(recipient)}" NotOnOrAfter="${confirmedUntil.toISOString()}"/></saml:SubjectConfirmation></saml:Subject>`,
    `<saml:Conditions NotBefore="${notBefore.toISOString()}" NotOnOrAfter="${notOnOrAfter.toISOString()}">`,
    `<saml:AudienceRestriction><saml:Audience>${escaped(audience)}</saml:Audience></saml:AudienceRestriction>${conditions}</saml:Conditions>`,
    `<saml:AuthnStatement AuthnInstant="${now.toISOString()}" SessionIndex="_s"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>`,
    Object.keys(attributes).length === 0
      ? ''
      : `<saml:AttributeStatement>${Object.entries(attributes)
          .map(([name, list]) => `<saml:Attribute Name="${escaped(name)}">${values(list)}</saml:Attribute>`)
          .join('')}</saml:AttributeStatement>`,
    '</saml:Assertion>',
  ].join('');
}

/** Serves the provider's pages to browsers: the form that brings its answer is sent by a script, or by its button. */
export async function serveIdp(saying: () => Saying = () => ({})) {
  let idp: Idp;
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', idp.entityId);
    if (pathname !== '/metadata' && pathname !== '/sso') return void response.writeHead(204).end();
    const type = pathname === '/metadata' ? 'application/samlmetadata+xml' : 'text/html';
    response.writeHead(200, { 'content-type': type });
    if (pathname === '/metadata') return void response.end(idp.metadata());
    const asked = readRequest(`${idp.entityId}${request.url}`);
    const answer = idp.answer(asked, { now: new Date(), ...saying() });
    const button = '<button type="submit">Continue</button>';
    response.end(
      `<!doctype html><title>Provider</title><form method="post" action="${escaped(asked.consumerUrl)}"><input type="hidden" name="SAMLResponse" value="${answer}"><input type="hidden" name="RelayState" value="https://evil.example/">${button}</form><script>document.forms[0].submit()</script>`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  idp = await createIdp(origin, `${origin}/sso`);
  return {
    ...idp,
    origin,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function derOf(pem: string): string {
  return pem.replace(/-----[^-]+-----|\s+/g, '');
}

function escaped(text: string): string {
  return text.replace(/[<>&"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
