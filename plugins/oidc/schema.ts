import { z } from 'zod';
import { InvalidInput, line, unique } from '#core';
import { text } from './text.ts';

/** Other ways to sign in have these names. */
const RESERVED = new Set(['identity', 'saml', 'magic_link', 'local', 'passkey']);
const DOMAIN = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/;

const id = line(1, 63)
  .refine((given) => /^[a-z0-9][a-z0-9_-]*$/.test(given), { error: text.validation.id })
  .refine((given) => !RESERVED.has(given), { error: text.validation.reserved });

const webAddress = line(1, 2_000).refine(isWebAddress, { error: text.validation.address });

const domain = line(1, 254)
  .transform((given) => given.toLowerCase().replace(/^@/, ''))
  .pipe(z.string().regex(DOMAIN, text.validation.domain));

const scope = line(1, 1_000)
  .transform((given) => given.split(/\s+/).join(' '))
  .pipe(z.string().regex(SCOPE, text.validation.scope))
  .refine((given) => given.split(' ').includes('openid'), { error: text.validation.openid });

const fields = {
  label: line(1, 80),
  discoveryDocumentUri: webAddress,
  clientId: line(1, 1_000),
  clientSecret: line(1, 4_000).nullable(),
  scope,
  autoCreateUsers: z.boolean(),
  allowedDomains: unique(domain, 64),
  adminClaim: line(1, 255).nullable(),
  adminValues: unique(line(1, 255), 64),
  trustedForSecondFactor: z.boolean(),
  mayReachThisBox: z.boolean(),
  trailingSlash: z.boolean(),
  enabled: z.boolean(),
};

export const newProvider = z.strictObject({
  id,
  ...fields,
  clientSecret: fields.clientSecret.default(null),
  scope: scope.default('openid email profile'),
  autoCreateUsers: z.boolean().default(false),
  allowedDomains: fields.allowedDomains.default([]),
  adminClaim: fields.adminClaim.default(null),
  adminValues: fields.adminValues.default([]),
  trustedForSecondFactor: z.boolean().default(false),
  mayReachThisBox: z.boolean().default(false),
  trailingSlash: z.boolean().default(false),
  enabled: z.boolean().default(true),
});

export const providerChanges = z.strictObject(fields).partial();

export type NewProvider = z.output<typeof newProvider>;

type Whole = Pick<NewProvider, 'discoveryDocumentUri' | 'mayReachThisBox' | 'adminClaim'> & { readonly adminValues: readonly string[] };

/** Throws InvalidInput for what is valid field by field and yet makes no sense together. */
export function refuseContradictions({ discoveryDocumentUri, mayReachThisBox, adminClaim, adminValues }: Whole): void {
  if (new URL(discoveryDocumentUri).protocol === 'http:' && !mayReachThisBox) throw new InvalidInput({ discoveryDocumentUri: [text.validation.plainHttp] });
  if (adminClaim !== null && adminValues.length === 0) throw new InvalidInput({ adminValues: [text.validation.adminValues] });
  if (adminClaim === null && adminValues.length > 0) throw new InvalidInput({ adminClaim: [text.validation.adminClaim] });
}

function isWebAddress(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, username, password, hash } = new URL(given);
  return (protocol === 'https:' || protocol === 'http:') && username === '' && password === '' && hash === '';
}
