import { z } from 'zod';
import { line } from '#core';
import { LARGEST_METADATA_BYTES } from './idp-metadata.ts';
import { text } from './text.ts';

/** Pages of ours stand where a provider's would. */
const RESERVED = ['new', 'key'];
const id = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, { error: text.validation.id })
  .refine((name) => !RESERVED.includes(name), { error: text.validation.idReserved });
const metadata = z.string().max(LARGEST_METADATA_BYTES, { error: text.validation.tooLong });
const webAddress = line(1, 2_000).refine((address) => URL.canParse(address) && /^https?:$/.test(new URL(address).protocol), { error: text.validation.url });
const attributeName = line(1, 512);
const groups = z.array(line(1, 1_024)).max(64);
const emailDomain = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^(?=.{1,253}$)[a-z0-9-]+(?:\.[a-z0-9-]+)*$/, { error: text.validation.domain });

const choices = {
  label: line(1, 80),
  metadataUrl: webAddress.nullable(),
  mayReachThisBox: z.boolean(),
  signRequests: z.boolean(),
  signMetadata: z.boolean(),
  requireSignedAssertion: z.boolean(),
  requireSignedResponse: z.boolean(),
  subjectAttribute: attributeName.nullable(),
  emailAttribute: attributeName.nullable(),
  emailIsVerified: z.boolean(),
  groupsAttribute: attributeName.nullable(),
  adminGroups: groups,
  autoCreateUsers: z.boolean(),
  allowedDomains: z.array(emailDomain).max(64),
  trustedForSecondFactor: z.boolean(),
  enabled: z.boolean(),
};

/** A provider as an administrator or the file enters it: metadata as XML, or the address where it stands. */
export const newProvider = z.strictObject({
  id,
  label: choices.label,
  metadata: metadata.default(''),
  metadataUrl: choices.metadataUrl.default(null),
  mayReachThisBox: choices.mayReachThisBox.default(false),
  signRequests: choices.signRequests.default(true),
  signMetadata: choices.signMetadata.default(true),
  requireSignedAssertion: choices.requireSignedAssertion.default(true),
  requireSignedResponse: choices.requireSignedResponse.default(false),
  subjectAttribute: choices.subjectAttribute.default(null),
  emailAttribute: choices.emailAttribute.default(null),
  emailIsVerified: choices.emailIsVerified.default(true),
  groupsAttribute: choices.groupsAttribute.default(null),
  adminGroups: choices.adminGroups.default([]),
  autoCreateUsers: choices.autoCreateUsers.default(false),
  allowedDomains: choices.allowedDomains.default([]),
  trustedForSecondFactor: choices.trustedForSecondFactor.default(false),
  enabled: choices.enabled.default(true),
});

export const providerChanges = z.strictObject({ ...choices, metadata: metadata.min(1, { error: text.validation.metadata }) }).partial();

export type NewProvider = z.output<typeof newProvider>;
