import { text } from './text.ts';
import { attribute, children, NS, onlyChild, textOf, walk, XmlRefused } from './xml.ts';

const EXCLUSIVE_C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#';
const ENVELOPED = 'http://www.w3.org/2000/09/xmldsig#enveloped-signature';
const SIGNATURE_METHODS = ['http://www.w3.org/2001/04/xmldsig-more#rsa-sha256', 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512'];
const DIGEST_METHODS = ['http://www.w3.org/2001/04/xmlenc#sha256', 'http://www.w3.org/2001/04/xmlenc#sha512'];
const PARTS = ['SignedInfo', 'SignatureValue', 'KeyInfo'];

/**
 * Which of the two are signed, by what their signatures look like: nothing is verified here, but only this one shape is ever
 * handed to the library that verifies. Throws XmlRefused on every other.
 */
export function checkSignatures(response: Element, assertion: Element): { readonly isResponseSigned: boolean; readonly isAssertionSigned: boolean } {
  refuseSharedIds(response);
  const signatures = [...walk(response)].filter(({ localName }) => localName === 'Signature');
  for (const signature of signatures) {
    const signed = signature.parentNode;
    if (signature.namespaceURI !== NS.signature || (signed !== response && signed !== assertion)) throw new XmlRefused(text.why.strangeSignature);
    checkSignature(signature, signed as Element);
  }
  return { isResponseSigned: isSigned(response), isAssertionSigned: isSigned(assertion) };
}

function isSigned(element: Element): boolean {
  return onlyChild(element, NS.signature, 'Signature') !== null;
}

/** A reference leads to one element only, by whichever spelling of ID a reader goes. */
function refuseSharedIds(root: Element): void {
  const attributes = [...walk(root)].flatMap((element) => Array.from(element.attributes));
  const ids = attributes.filter(({ localName }) => /^id$/i.test(localName)).map(({ value }) => value);
  if (new Set(ids).size !== ids.length) throw new XmlRefused(text.why.sharedId);
}

/** Enveloped, over its parent as a whole, one reference, exclusive canonicalization, no SHA-1 (SAML core 5.4). */
function checkSignature(signature: Element, signed: Element): void {
  const elements = [...walk(signature)].slice(1);
  const isPlain = elements.filter(({ parentNode }) => parentNode === signature).every(({ localName }) => PARTS.includes(localName ?? ''));
  const info = one(signature, 'SignedInfo');
  if (!isPlain || elements.filter(({ localName }) => localName === 'SignedInfo').length !== 1) throw new XmlRefused(text.why.strangeSignature);
  const reference = one(info, 'Reference');
  const transforms = children(one(reference, 'Transforms'), NS.signature, 'Transform').map((transform) => attribute(transform, 'Algorithm'));
  const isWhole = attribute(reference, 'URI') === `#${attribute(signed, 'ID')}` && transforms[0] === ENVELOPED;
  if (!isWhole || transforms.slice(1).some((algorithm) => algorithm !== EXCLUSIVE_C14N)) throw new XmlRefused(text.why.strangeSignature);
  if (attribute(one(info, 'CanonicalizationMethod'), 'Algorithm') !== EXCLUSIVE_C14N) throw new XmlRefused(text.why.strangeSignature);
  refuseWeak(attribute(one(info, 'SignatureMethod'), 'Algorithm'), SIGNATURE_METHODS);
  refuseWeak(attribute(one(reference, 'DigestMethod'), 'Algorithm'), DIGEST_METHODS);
  if (!/^[A-Za-z0-9+/=\s]+$/.test(textOf(one(reference, 'DigestValue')))) throw new XmlRefused(text.why.strangeSignature);
}

function refuseWeak(algorithm: string | null, allowed: readonly string[]): void {
  if (algorithm === null || !allowed.includes(algorithm)) throw new XmlRefused(text.why.weakAlgorithm((algorithm ?? '–').replace(/^.*#/, '').slice(0, 60)));
}

function one(parent: Element, name: string): Element {
  const child = onlyChild(parent, NS.signature, name);
  if (child === null) throw new XmlRefused(text.why.strangeSignature);
  return child;
}
