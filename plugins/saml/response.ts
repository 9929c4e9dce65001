import { Forbidden } from '#core';
import type { ServiceProviderFacts } from './service-provider.ts';
import { checkSignatures } from './signatures.ts';
import type { Provider } from './store.ts';
import { text } from './text.ts';
import { attribute, children, everyNamed, NS, onlyChild, parseXml, textOf, XmlRefused } from './xml.ts';

/** What an answer is held against. */
export interface Expectation {
  readonly provider: Provider;
  readonly facts: ServiceProviderFacts;
  /** Whether the provider was asked this, and has not answered. */
  isExpected(requestId: string): Promise<boolean>;
}

export interface SignedAnswer {
  /** The request that it answers. */
  readonly requestId: string;
  /** The assertion, parsed from the very bytes that the signature covers; nothing else is read. */
  readonly assertion: Element;
}

export const LARGEST_RESPONSE_BYTES = 262_144;
const SUCCESS = 'urn:oasis:names:tc:SAML:2.0:status:Success';

/** An answer that is not taken: the reader is told why, in words that set-up problems can be found by. */
export function refuse(why: string, detail?: unknown): never {
  throw new Forbidden(text.refused(why), { detail });
}

/**
 * Reads what a browser brings from a provider (HTTP-POST binding). What is cheap to find wrong is looked at before signatures are
 * computed, node-saml verifies them, and the assertion comes from the bytes that were verified. Throws Forbidden or XmlRefused, saying why.
 */
export async function readResponse(encoded: string, { provider, facts, isExpected }: Expectation): Promise<SignedAnswer> {
  const root = await parseAnswer(decode(encoded));
  const requestId = checkResponse(root, provider, facts);
  if (!(await isExpected(requestId))) refuse(text.why.unexpected);
  checkStatus(root, provider);
  const { isResponseSigned, isAssertionSigned } = checkSignatures(root, onlyAssertion(root));
  if (!isAssertionSigned && (provider.requireSignedAssertion || !isResponseSigned)) refuse(text.why.assertionNotSigned);
  if (!isResponseSigned && provider.requireSignedResponse) refuse(text.why.responseNotSigned);
  const signed = await verify(encoded, provider, facts, { isResponseSigned, isAssertionSigned });
  return { requestId, assertion: await parseAnswer(signed) };
}

/** Base64 may come in lines (RFC 2045); anything else in it is refused. */
function decode(encoded: string): string {
  const compact = encoded.replace(/[\r\n]/g, '');
  if (compact === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) refuse(text.why.notReadable);
  if (compact.length > (LARGEST_RESPONSE_BYTES * 4) / 3) refuse(text.why.tooLarge);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(compact, 'base64'));
  } catch {
    return refuse(text.why.notReadable);
  }
}

function parseAnswer(xml: string): Promise<Element> {
  return parseXml(xml, { largestBytes: LARGEST_RESPONSE_BYTES, isPlain: true });
}

/** What the response says of itself; answers the request it belongs to. Not signed in every case, so it only ever refuses. */
function checkResponse(root: Element, provider: Provider, { consumerUrl }: ServiceProviderFacts): string {
  if (root.localName !== 'Response' || root.namespaceURI !== NS.protocol || attribute(root, 'Version') !== '2.0') refuse(text.why.noResponse);
  if (textOf(onlyChild(root, NS.assertion, 'Issuer')) !== provider.entityId) refuse(text.why.issuer);
  if (attribute(root, 'Destination') !== consumerUrl) refuse(text.why.destination);
  return attribute(root, 'InResponseTo') ?? refuse(text.why.unsolicited);
}

function checkStatus(root: Element, provider: Provider): void {
  const code = onlyChild(onlyChild(root, NS.protocol, 'Status') ?? root, NS.protocol, 'StatusCode');
  const value = attribute(code, 'Value');
  if (code === null || value === null) refuse(text.why.noResponse);
  if (value === SUCCESS) return;
  const inner = attribute(children(code, NS.protocol, 'StatusCode')[0] ?? null, 'Value');
  const words = (inner ?? value).replace(/^.*:/, '').slice(0, 60);
  throw new Forbidden(text.providerRefused(provider.label, words));
}

/** There must be one assertion at one place, whatever else a document may hide (signature wrapping). */
function onlyAssertion(root: Element): Element {
  if (everyNamed(root, 'EncryptedAssertion').length > 0) refuse(text.why.encrypted);
  const [assertion] = children(root, NS.assertion, 'Assertion');
  if (assertion === undefined) return refuse(text.why.noAssertion);
  if (everyNamed(root, 'Assertion').length !== 1 || everyNamed(root, 'Response').length !== 1) refuse(text.why.severalAssertions);
  return assertion;
}

/** What node-saml says, in our words. */
const WHY = [
  [/signature|digest/i, text.why.signature],
  [/audience/i, text.why.audience],
] as const;

interface Signed {
  readonly isResponseSigned: boolean;
  readonly isAssertionSigned: boolean;
}

/** Every signature there is must be the provider's; answers the assertion as it was signed. */
async function verify(encoded: string, provider: Provider, { entityId, consumerUrl }: ServiceProviderFacts, signed: Signed): Promise<string> {
  const { SAML, ValidateInResponseTo } = await import('./libraries.ts');
  const saml = new SAML({
    issuer: entityId,
    audience: entityId,
    callbackUrl: consumerUrl,
    idpCert: [...provider.certificates],
    wantAssertionsSigned: signed.isAssertionSigned,
    wantAuthnResponseSigned: signed.isResponseSigned,
    // Requests and times are our own to check: by the clock, and in the database.
    validateInResponseTo: ValidateInResponseTo.never,
    acceptedClockSkewMs: -1,
  });
  try {
    const { profile } = await saml.validatePostResponseAsync({ SAMLResponse: encoded });
    return profile?.getAssertionXml?.() ?? refuse(text.why.noAssertion);
  } catch (cause) {
    if (cause instanceof Forbidden) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    return refuse(WHY.find(([pattern]) => pattern.test(message))?.[1] ?? text.why.doesNotHold, message);
  }
}

/** What the reading of an answer comes to, with what is wrong in its XML said as a refusal. */
export async function orRefuse<T>(reading: () => Promise<T>): Promise<T> {
  try {
    return await reading();
  } catch (error) {
    if (error instanceof XmlRefused) refuse(error.message);
    throw error;
  }
}
