import { refuse } from './response.ts';
import type { ServiceProviderFacts } from './service-provider.ts';
import type { Provider } from './store.ts';
import { text } from './text.ts';
import { attribute, children, NS, onlyChild, textOf, walk } from './xml.ts';

/** What a signed assertion must say to hold here, now, and for this sign-in. */
export interface AssertionContext {
  readonly provider: Provider;
  readonly facts: ServiceProviderFacts;
  readonly requestId: string;
  readonly now: Date;
}

/** The clocks of machines that ask the time somewhere agree to a second; a minute forgives one that asks seldom. */
export const SKEW_MS = 60_000;
const BEARER = 'urn:oasis:names:tc:SAML:2.0:cm:bearer';
const HARMLESS_CONDITIONS = ['AudienceRestriction', 'OneTimeUse', 'ProxyRestriction'];
const DAY_MS = 86_400_000;

/** The rules of the browser profile (SAML profiles 4.1.4.3), node-saml's own included. Throws Forbidden; answers its id and how long it can be used. */
export function checkAssertion(assertion: Element, context: AssertionContext): { readonly id: string; readonly usableUntil: Date } {
  const { provider, now } = context;
  const id = attribute(assertion, 'ID');
  if (assertion.localName !== 'Assertion' || assertion.namespaceURI !== NS.assertion || attribute(assertion, 'Version') !== '2.0' || id === null)
    return refuse(text.why.noAssertion);
  if (textOf(onlyChild(assertion, NS.assertion, 'Issuer')) !== provider.entityId) refuse(text.why.issuer);
  checkConditions(assertion, context);
  checkSession(assertion, now);
  const usableUntil = checkConfirmation(assertion, context);
  // Whatever the provider says, its request is gone by then.
  return { id, usableUntil: new Date(Math.min(usableUntil + SKEW_MS, now.getTime() + DAY_MS)) };
}

function checkConditions(assertion: Element, { facts, now }: AssertionContext): void {
  const conditions = onlyChild(assertion, NS.assertion, 'Conditions') ?? refuse(text.why.audience);
  checkPeriod(conditions, now);
  // A condition that is not understood does not hold (SAML core 2.5.1.1).
  const isStrange = [...walk(conditions)].some(
    ({ parentNode, localName, namespaceURI }) => parentNode === conditions && (namespaceURI !== NS.assertion || !HARMLESS_CONDITIONS.includes(localName ?? '')),
  );
  if (isStrange) refuse(text.why.strangeCondition);
  const restrictions = children(conditions, NS.assertion, 'AudienceRestriction');
  const isForUs = (restriction: Element) => children(restriction, NS.assertion, 'Audience').some((audience) => textOf(audience) === facts.entityId);
  if (restrictions.length === 0 || !restrictions.every(isForUs)) refuse(text.why.audience);
}

function checkPeriod(element: Element, now: Date): void {
  const from = momentOf(element, 'NotBefore');
  const until = momentOf(element, 'NotOnOrAfter');
  if (from !== null && now.getTime() < from - SKEW_MS) refuse(text.why.notYet);
  if (until !== null && now.getTime() >= until + SKEW_MS) refuse(text.why.expired);
}

/** The provider has signed somebody in, and their session there goes on. */
function checkSession(assertion: Element, now: Date): void {
  const statements = children(assertion, NS.assertion, 'AuthnStatement');
  if (statements.length === 0) refuse(text.why.noSession);
  const ends = statements.flatMap((statement) => momentOf(statement, 'SessionNotOnOrAfter') ?? []);
  if (ends.some((end) => now.getTime() >= end + SKEW_MS)) refuse(text.why.expired);
}

/** One confirmation must hold as a whole: whoever bears it, here, in answer to this request, in time. */
function checkConfirmation(assertion: Element, { facts, requestId, now }: AssertionContext): number {
  const subject = onlyChild(assertion, NS.assertion, 'Subject');
  const confirmations = subject === null ? [] : children(subject, NS.assertion, 'SubjectConfirmation');
  const bearer = confirmations.filter((confirmation) => attribute(confirmation, 'Method') === BEARER);
  const data = bearer.flatMap((confirmation) => onlyChild(confirmation, NS.assertion, 'SubjectConfirmationData') ?? []);
  const ours = data.filter((one) => attribute(one, 'Recipient') === facts.consumerUrl);
  if (ours.length === 0) refuse(text.why.recipient);
  const answering = ours.find((one) => attribute(one, 'InResponseTo') === requestId);
  if (answering === undefined) return refuse(text.why.unexpected);
  const until = momentOf(answering, 'NotOnOrAfter') ?? refuse(text.why.expired);
  checkPeriod(answering, now);
  return until;
}

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** Milliseconds since 1970; null when the attribute is absent. */
function momentOf(element: Element, name: string): number | null {
  const given = attribute(element, name);
  if (given === null) return null;
  const moment = MOMENT.test(given) ? Date.parse(given) : Number.NaN;
  return Number.isNaN(moment) ? refuse(text.why.strangeTime) : moment;
}
