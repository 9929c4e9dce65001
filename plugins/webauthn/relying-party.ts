import { parseAddress } from '#core';
import { text } from './text.ts';

/** Why browsers make no keys for this origin (WebAuthn Level 3 §5.1.2), for a person to read; null where they do. */
export function whyImpossible(origin: string): string | null {
  const { protocol, hostname } = new URL(origin);
  if (hostname === 'localhost' || hostname.endsWith('.localhost')) return null;
  if (protocol !== 'https:') return text.impossible.insecure(origin);
  return parseAddress(hostname.replace(/^\[|\]$/g, '')) === null ? null : text.impossible.address(origin);
}

/** What keys are bound to (WebAuthn Level 3 §4, RP ID). */
export function relyingPartyId(origin: string): string {
  return new URL(origin).hostname;
}
