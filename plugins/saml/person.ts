import { refuse } from './response.ts';
import type { Provider } from './store.ts';
import { text } from './text.ts';
import { attribute, children, NS, onlyChild, walk } from './xml.ts';

/** Who an assertion is about, as far as this box wants to know. */
export interface Person {
  readonly issuer: string;
  readonly subject: string;
  readonly email: string | null;
  /** Null where the provider says nothing of roles here. */
  readonly role: 'admin' | 'unprivileged' | null;
}

const FORMAT = /^urn:oasis:names:tc:SAML:(?:1\.1|2\.0):nameid-format:(\w+)$/;
const LONGEST = 1_024;

/** Reads a checked assertion by the provider's mapping. Throws Forbidden when it identifies nobody, or somebody from elsewhere. */
export function personOf(assertion: Element, provider: Provider): Person {
  const attributes = attributesOf(assertion);
  const name = nameOf(assertion);
  const subject = provider.subjectAttribute === null ? subjectOf(name, provider) : bySubjectAttribute(attributes, provider.subjectAttribute);
  const email = provider.emailAttribute === null ? name.value : single(attributes, provider.emailAttribute);
  refuseOtherDomains(email, provider);
  return { issuer: provider.entityId, subject, email, role: roleOf(attributes, provider) };
}

interface Name {
  readonly value: string;
  /** `persistent`, `emailAddress`, `unspecified`, or somebody's own. */
  readonly format: string;
  readonly qualifiers: readonly (string | null)[];
}

function nameOf(assertion: Element): Name {
  const subject = onlyChild(assertion, NS.assertion, 'Subject');
  const element = subject === null ? null : onlyChild(subject, NS.assertion, 'NameID');
  if (element === null) return { value: '', format: 'unspecified', qualifiers: [] };
  if ([...walk(element)].length > 1) refuse(text.why.noName);
  const format = attribute(element, 'Format') ?? 'unspecified';
  return {
    value: plain(element.textContent ?? ''),
    format: FORMAT.exec(format)?.[1] ?? format,
    qualifiers: ['NameQualifier', 'SPNameQualifier'].map((qualifier) => attribute(element, qualifier)),
  };
}

/** Not trimmed: who is “alice ” there is not “alice” here. Two names are the same only if format and qualifiers are too (SAML core 2.2.2); the usual qualifiers say nothing. */
function subjectOf({ value, format, qualifiers }: Name, provider: Provider): string {
  if (format === 'transient') refuse(text.why.transient);
  if (value === '') refuse(text.why.noName);
  const [byProvider, byUs] = qualifiers;
  const unusual = [byProvider === provider.entityId ? null : byProvider, byUs?.endsWith(`/sp/metadata/${provider.id}`) ? null : byUs];
  return labelled([format, ...(unusual.some(Boolean) ? unusual : [])], value);
}

function bySubjectAttribute(attributes: Attributes, attributeName: string): string {
  const value = single(attributes, attributeName);
  return value === null ? refuse(text.why.noSubject(attributeName)) : labelled(['attribute', attributeName], value);
}

/** No two of them can be read as the same, because what is before the first colon has none itself. */
function labelled(parts: readonly (string | null | undefined)[], value: string): string {
  return `${parts.map((part) => encodeURIComponent(part ?? '')).join('|')}:${value}`;
}

type Attributes = ReadonlyMap<string, readonly string[]>;

function attributesOf(assertion: Element): Attributes {
  const found = new Map<string, readonly string[]>();
  for (const statement of children(assertion, NS.assertion, 'AttributeStatement')) {
    for (const element of children(statement, NS.assertion, 'Attribute')) {
      const name = attribute(element, 'Name') ?? '';
      const values = children(element, NS.assertion, 'AttributeValue').map((value) => value.textContent ?? '');
      found.set(name, [...(found.get(name) ?? []), ...values]);
    }
  }
  return found;
}

/** The attribute's value; null when it is not there. Which of several would be meant nobody knows. */
function single(attributes: Attributes, name: string): string | null {
  const [value, ...others] = attributes.get(name) ?? [];
  if (others.length > 0) refuse(text.why.severalValues(name));
  return value ? plain(value) : null;
}

function plain(value: string): string {
  return /\p{Cc}/u.test(value) || value.length > LONGEST ? refuse(text.why.strangeValue) : value;
}

function refuseOtherDomains(email: string | null, { allowedDomains }: Provider): void {
  if (allowedDomains.length === 0) return;
  const domain = email?.split('@').at(-1)?.toLowerCase() ?? '';
  if (!allowedDomains.includes(domain)) refuse(text.why.otherDomain(domain.slice(0, 253)));
}

function roleOf(attributes: Attributes, { groupsAttribute, adminGroups }: Provider): Person['role'] {
  if (groupsAttribute === null || adminGroups.length === 0) return null;
  return (attributes.get(groupsAttribute) ?? []).some((group) => adminGroups.includes(group)) ? 'admin' : 'unprivileged';
}
