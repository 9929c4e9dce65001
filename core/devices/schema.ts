import { z } from 'zod';
import { cidr, endpoint, host, line, prose, publicKey, unique, within } from '../parse.ts';
import { en } from '../text/en.ts';

const moment = z.iso.datetime({ offset: true, local: true }).transform((text) => new Date(/Z|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`));

/** What somebody may say of a device. Overrides count only while their `useDefault…` is false. */
export const deviceFields = z.strictObject({
  name: line(1, 255),
  description: prose(2048),
  useDefaultEndpoint: z.boolean(),
  endpoint: endpoint.nullable(),
  useDefaultDns: z.boolean(),
  dns: unique(host, 8),
  useDefaultAllowedIps: z.boolean(),
  allowedIps: unique(cidr, 64),
  useDefaultMtu: z.boolean(),
  mtu: within(576, 1500).nullable(),
  useDefaultPersistentKeepalive: z.boolean(),
  persistentKeepalive: within(0, 65_535).nullable(),
  allowedSubnets: unique(cidr, 64),
  expiresAt: moment.nullable(),
});

export const deviceChanges = deviceFields.partial();
export const newDevice = deviceFields.partial().required({ name: true }).extend({
  /** Absent: the server makes the pair and hands the private key out once. */
  publicKey: publicKey.nullable().optional(),
  /** Absent: the caller's own. */
  userId: z.uuid().optional(),
});

export type DeviceChanges = z.output<typeof deviceChanges>;

/** The five overrides: the flag, the value, and whether a value is there. */
export const OVERRIDES = [
  ['useDefaultEndpoint', 'endpoint'],
  ['useDefaultDns', 'dns'],
  ['useDefaultAllowedIps', 'allowedIps'],
  ['useDefaultMtu', 'mtu'],
  ['useDefaultPersistentKeepalive', 'persistentKeepalive'],
] as const;

export const ADMIN_FIELDS = ['allowedSubnets', 'expiresAt'] as const;

/** Problems of overrides taken together: a default switched off needs a value. */
export function overrideProblems(device: Readonly<Record<string, unknown>>): Record<string, string[]> {
  const problems: Record<string, string[]> = {};
  for (const [flag, field] of OVERRIDES) {
    const isMissing = device[field] === null || device[field] === undefined;
    if (device[flag] === false && isMissing) problems[field] = [en.devices.missingOverride];
  }
  return problems;
}
