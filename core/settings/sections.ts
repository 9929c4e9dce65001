import { z } from 'zod';
import type { Config } from '../config.ts';
import { isIpv6, prefixOf } from '../net/cidr.ts';
import type { Cidr } from '../net/inputs.ts';
import { cidr, endpoint, host, unique, within } from '../parse.ts';
import { en } from '../text/en.ts';

/** A document of settings: its schema gives validation, defaults, the form and the API's description. */
export interface Section<Schema extends z.ZodObject = z.ZodObject> {
  readonly id: string;
  readonly schema: Schema;
  readonly text: SectionText;
}

export interface SectionText {
  readonly title: string;
  readonly lead: string;
  readonly fields: Readonly<Record<string, { readonly label: string; readonly help: string }>>;
  /** Labels of the values a field may choose from. */
  readonly choices?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** A page that belongs to it, such as one to try the settings. */
  readonly link?: { readonly label: string; readonly path: string };
}

export function defineSection<Schema extends z.ZodObject>(id: string, text: SectionText, schema: Schema): Section<Schema> {
  return { id, schema, text };
}

export type CoreSections = ReturnType<typeof coreSections>;
export type ClientDefaults = z.output<CoreSections['client']['schema']>;
export type SecuritySettings = z.output<CoreSections['security']['schema']>;
export type NetworkSettings = z.output<CoreSections['network']['schema']>;

const EVERYTHING = ['0.0.0.0/0', '::/0'] as Cidr[];
const LONGEST_SESSION_SECONDS = 2_147_483_647;

export const securitySection = defineSection(
  'security',
  en.settings.security,
  z.strictObject({
    vpnSessionDuration: within(0, LONGEST_SESSION_SECONDS).default(0),
    allowSelfService: z.boolean().default(true),
    maxDevicesPerUser: within(0, 1_000).default(10),
    deviceExpiryDays: within(0, 3_650).default(0),
    allowOverrides: z.boolean().default(true),
    allowEndpoint: z.boolean().default(true),
    allowDns: z.boolean().default(true),
    allowAllowedIps: z.boolean().default(true),
    allowMtu: z.boolean().default(true),
    allowPersistentKeepalive: z.boolean().default(true),
    localSignIn: z.boolean().default(true),
    secondFactor: z.enum(['optional', 'admins', 'everyone']).default('optional'),
  }),
);

/** Core's own sections; the environment gives the network's first values. */
export function coreSections(config: Config) {
  const endpointDefault = `${isIpv6(config.endpointHost) ? `[${config.endpointHost}]` : config.endpointHost}:${config.endpointPort}`;
  return {
    client: defineSection(
      'client',
      en.settings.client,
      z.strictObject({
        endpoint: endpoint.default(endpointDefault),
        dns: unique(host, 8).default(['1.1.1.1', '1.0.0.1']),
        allowedIps: unique(cidr, 64).default(EVERYTHING),
        mtu: within(576, 1500).default(1280),
        persistentKeepalive: within(0, 65_535).default(25),
      }),
    ),
    network: defineSection(
      'network',
      en.settings.network,
      z.strictObject({
        listenPort: within(1, 65_535).default(config.endpointPort),
        mtu: within(1280, 1500).default(1420),
        ipv4Network: networkOf(4).nullable().default(config.ipv4Network),
        ipv6Network: networkOf(6).nullable().default(config.ipv6Network),
        masqueradeIpv4: z.boolean().default(true),
        masqueradeIpv6: z.boolean().default(true),
        allowPeerToPeer: z.boolean().default(false),
        allowLanToPeers: z.boolean().default(false),
      }),
    ),
    security: securitySection,
  };
}

/** A tunnel network: room for this box and at least one device, and small enough to search. */
function networkOf(version: 4 | 6) {
  const [from, to] = version === 4 ? [8, 30] : [48, 126];
  return cidr.refine((value) => isIpv6(value) === (version === 6) && prefixOf(value) >= from && prefixOf(value) <= to, {
    error: version === 4 ? en.validation.network4 : en.validation.network6,
  });
}
