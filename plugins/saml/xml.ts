/** Why a document from outside was not taken; the message is one a person may read. */
export class XmlRefused extends Error {}

export const NS = {
  protocol: 'urn:oasis:names:tc:SAML:2.0:protocol',
  assertion: 'urn:oasis:names:tc:SAML:2.0:assertion',
  metadata: 'urn:oasis:names:tc:SAML:2.0:metadata',
  signature: 'http://www.w3.org/2000/09/xmldsig#',
} as const;

// A document type may define entities (XXE, billion laughs); SAML has no use for one (core 2.0, 1.3.1).
const DOCUMENT_TYPE = /<!(?!--|\[CDATA\[)/;
// Comments and CDATA split texts where one reader ends and another goes on (CVE-2017-11427, CVE-2025-29775): no provider sends them.
const BEYOND_ELEMENTS = /<!|<\?(?!xml\s)/;

/** Thousands of groups; parsing takes a tenth of a second, in which nobody else is answered. */
const MOST_TAGS = 10_000;
/** Libraries that compute signatures call themselves for each level. */
const DEEPEST = 64;

interface ParseOptions {
  readonly largestBytes: number;
  /** Only elements, attributes and text. */
  readonly isPlain?: boolean;
}

/** The root element. Throws XmlRefused before any parser sees what is too large or more than elements. */
export async function parseXml(text: string, { largestBytes, isPlain = false }: ParseOptions): Promise<Element> {
  if (Buffer.byteLength(text) > largestBytes) throw new XmlRefused(`it has more than ${largestBytes} bytes`);
  if (text.split('<', MOST_TAGS + 2).length > MOST_TAGS + 1) throw new XmlRefused(`it has more than ${MOST_TAGS} tags`);
  if (DOCUMENT_TYPE.test(text)) throw new XmlRefused('it has a document type, which is not allowed');
  if (isPlain && BEYOND_ELEMENTS.test(text)) throw new XmlRefused('it has comments or processing instructions, which are not allowed');
  const { DOMParser, onWarningStopParsing } = await import('./libraries.ts');
  let root: Element;
  try {
    const { documentElement } = new DOMParser({ onError: onWarningStopParsing }).parseFromString(text.trim(), 'text/xml');
    // The same interfaces, declared anew.
    root = documentElement as unknown as Element;
  } catch (cause) {
    throw new XmlRefused('it is no well-formed XML', { cause });
  }
  if ([...walk(root)].some(isTooDeep)) throw new XmlRefused(`its elements are nested more than ${DEEPEST} times`);
  return root;
}

/** The child elements with this name, in document order. */
export function children(parent: Element, namespace: string, name: string): readonly Element[] {
  return elements(parent).filter((child) => child.namespaceURI === namespace && child.localName === name);
}

/** The only such child, or null; throws XmlRefused when there are several. */
export function onlyChild(parent: Element, namespace: string, name: string): Element | null {
  const [child, ...others] = children(parent, namespace, name);
  if (others.length > 0) throw new XmlRefused(`it has several ${name} where there can be one`);
  return child ?? null;
}

/** All elements with this name in whatever namespace, at any depth. */
export function everyNamed(root: Element, name: string): readonly Element[] {
  return [...walk(root)].filter((element) => element.localName === name);
}

/** This element and all below it, in document order; as a loop, because a document may be nested deeper than calls can be. */
export function* walk(root: Element): Generator<Element> {
  const waiting = [root];
  for (let element = waiting.pop(); element !== undefined; element = waiting.pop()) {
    yield element;
    waiting.push(...elements(element).toReversed());
  }
}

/** The attribute's value, or null when it is absent or empty. */
export function attribute(element: Element | null, name: string): string | null {
  return element?.getAttribute(name) || null;
}

export function textOf(element: Element | null): string {
  return (element?.textContent ?? '').trim();
}

/** Text as it stands in XML, between tags or in an attribute. */
export function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function isTooDeep(element: Element): boolean {
  let depth = 0;
  for (let above = element.parentNode; above !== null && depth <= DEEPEST; above = above.parentNode) depth += 1;
  return depth > DEEPEST;
}

function elements(parent: Element): readonly Element[] {
  return Array.from(parent.childNodes).filter((node): node is Element => node.nodeType === 1);
}
