import type { IdentityPolicy } from '#core';
import type { Provider } from './store.ts';

/** Claims as they come: from the ID token, or from the userinfo endpoint. */
export type Claims = Readonly<Record<string, unknown>>;

interface Email {
  readonly email: string | null;
  readonly isEmailVerified: boolean;
}

/** The address with the provider's word that it is verified, both from one source; a verified one before others. */
export function emailIn(sources: readonly Claims[]): Email {
  const found = sources.filter(({ email }) => typeof email === 'string');
  const best = found.find(isVerified) ?? found[0];
  return { email: typeof best?.['email'] === 'string' ? best['email'] : null, isEmailVerified: best !== undefined && isVerified(best) };
}

/** Whether the address is verified and of an allowed domain; with no domains named, every one is. */
export function isDomainAllowed({ email, isEmailVerified }: Email, allowed: Provider['allowedDomains']): boolean {
  if (allowed.length === 0) return true;
  const domain = email?.slice(email.lastIndexOf('@') + 1).toLowerCase();
  return isEmailVerified && domain !== undefined && allowed.includes(domain);
}

/** The role that the claim gives; undefined where no claim decides. */
export function roleIn(sources: readonly Claims[], { adminClaim, adminValues }: Pick<Provider, 'adminClaim' | 'adminValues'>): IdentityPolicy['role'] {
  if (adminClaim === null) return undefined;
  const values = valuesOf(sources, adminClaim);
  return values.some((value) => adminValues.includes(value)) ? 'admin' : 'unprivileged';
}

/** Whether what is needed stands here already, so that the userinfo endpoint need not be asked. */
export function isComplete(claims: Claims, { adminClaim }: Pick<Provider, 'adminClaim'>): boolean {
  return emailIn([claims]).isEmailVerified && (adminClaim === null || Object.hasOwn(claims, adminClaim));
}

/** Some providers write the flag as text; anything but true is no. */
function isVerified({ email_verified: flag }: Claims): boolean {
  return flag === true || flag === 'true';
}

/** The first source that has the claim decides. */
function valuesOf(sources: readonly Claims[], claim: string): readonly string[] {
  const value = sources.find((source) => Object.hasOwn(source, claim))?.[claim];
  const values = Array.isArray(value) ? value : [value];
  return values.filter((item) => typeof item === 'string');
}
