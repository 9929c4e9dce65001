import { resolve } from 'node:path';
import { z } from 'zod';
import { InvalidInput } from './errors.ts';
import { parseCidr } from './net/cidr.ts';

/** What the environment says, checked and frozen. Durations, sizes and ports carry their unit in the name. */
export type Config = Readonly<ReturnType<typeof readConfig>>;

interface Variable {
  readonly schema: z.ZodType;
  /** Shown in the README and in the message that refuses a wrong value. */
  readonly allowed: string;
}

const hostName = z.string().regex(/^[A-Za-z0-9._:-]{1,253}$/);
const port = z.coerce.number().int().min(1).max(65_535);
const list = z.string().transform((text) => text.split(/[\s,]+/).filter((item) => item !== ''));

const variables = {
  WG_DATA_DIR: { schema: z.string().min(1).default('./data'), allowed: 'a folder the service may write to' },
  WG_HOST: { schema: hostName.default('0.0.0.0'), allowed: 'an address to listen on' },
  WG_PORT: { schema: port.default(13_000), allowed: 'a port, 1 to 65535' },
  WG_HTTPS_PORT: { schema: port.optional(), allowed: 'a port, 1 to 65535' },
  WG_EXTERNAL_URL: { schema: z.url({ protocol: /^https?$/ }).optional(), allowed: 'an http or https URL without a path' },
  WG_ADMIN_EMAIL: { schema: z.email().max(254).optional(), allowed: 'an email address' },
  WG_ADMIN_PASSWORD: { schema: z.string().min(12).max(256).optional(), allowed: '12 to 256 characters' },
  WG_SECRET_KEY: {
    schema: z
      .base64()
      .refine((text) => Buffer.from(text, 'base64').length === 32)
      .optional(),
    allowed: '32 bytes in base64',
  },
  WG_WG_ENABLED: { schema: z.enum(['auto', 'true', 'false']).default('auto'), allowed: 'auto, true or false' },
  WG_WG_INTERFACE: {
    schema: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_-]{0,14}$/)
      .default('wg-wiregui'),
    allowed: 'an interface name of at most 15 letters, digits, - and _',
  },
  WG_WG_ENDPOINT_HOST: { schema: hostName.default('localhost'), allowed: 'a host name or address' },
  WG_WG_ENDPOINT_PORT: { schema: port.default(51_820), allowed: 'a port, 1 to 65535' },
  WG_WG_IPV4_NETWORK: { schema: z.string().default('10.3.2.0/24').refine(isNetworkOf(4)), allowed: 'an IPv4 network such as 10.3.2.0/24' },
  WG_WG_IPV6_NETWORK: { schema: z.string().default('fd00::3:2:0/120').refine(isNetworkOf(6)), allowed: 'an IPv6 network such as fd00::3:2:0/120' },
  WG_NETWORK_STATE_DIR: { schema: z.string().min(1).optional(), allowed: 'a folder the service may write to' },
  WG_BOX_DIR: { schema: z.string().min(1).default('/run/box'), allowed: 'the folder where an appliance takes requests' },
  WG_LOG_LEVEL: {
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
    allowed: 'trace, debug, info, warn, error, fatal or silent',
  },
  WG_LOG_TO_FILE: { schema: z.stringbool().default(false), allowed: 'true or false' },
  WG_TRUSTED_PROXIES: { schema: list.default([]).refine(areNetworks), allowed: 'addresses or networks, separated by commas' },
  WG_IDP_CONFIG_FILE: { schema: z.string().min(1).optional(), allowed: 'a YAML file' },
} satisfies Record<string, Variable>;

type Values = { [Name in keyof typeof variables]: z.output<(typeof variables)[Name]['schema']> };

/** Reads the `WG_` variables. Throws InvalidInput naming each wrong one, its value and what is allowed. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env) {
  const values = parseVariables(environment);
  const dataDirectory = resolve(values.WG_DATA_DIR);
  return Object.freeze({
    dataDirectory,
    host: values.WG_HOST,
    port: values.WG_PORT,
    httpsPort: values.WG_HTTPS_PORT,
    externalUrl: new URL(values.WG_EXTERNAL_URL ?? ownUrl(values)).origin,
    adminEmail: values.WG_ADMIN_EMAIL?.toLowerCase(),
    adminPassword: values.WG_ADMIN_PASSWORD,
    secretKey: values.WG_SECRET_KEY === undefined ? undefined : Buffer.from(values.WG_SECRET_KEY, 'base64'),
    dataPlane: values.WG_WG_ENABLED,
    interfaceName: values.WG_WG_INTERFACE,
    endpointHost: values.WG_WG_ENDPOINT_HOST,
    endpointPort: values.WG_WG_ENDPOINT_PORT,
    ipv4Network: parseCidr(values.WG_WG_IPV4_NETWORK),
    ipv6Network: parseCidr(values.WG_WG_IPV6_NETWORK),
    networkStateDirectory: values.WG_NETWORK_STATE_DIR === undefined ? undefined : resolve(values.WG_NETWORK_STATE_DIR),
    /** Set by systemd for a unit with RuntimeDirectory= (systemd.exec(5)). */
    runtimeDirectory: environment['RUNTIME_DIRECTORY'],
    boxDirectory: resolve(values.WG_BOX_DIR),
    /** Set by systemd for a unit with CacheDirectory=. */
    cacheDirectory: environment['CACHE_DIRECTORY'],
    logLevel: values.WG_LOG_LEVEL,
    logDirectory: values.WG_LOG_TO_FILE ? resolve(dataDirectory, 'logs') : undefined,
    trustedProxies: values.WG_TRUSTED_PROXIES,
    idpConfigFile: values.WG_IDP_CONFIG_FILE,
  });
}

function ownUrl({ WG_PORT, WG_HTTPS_PORT }: Pick<Values, 'WG_PORT' | 'WG_HTTPS_PORT'>): string {
  return WG_HTTPS_PORT === undefined ? `http://localhost:${WG_PORT}` : `https://localhost:${WG_HTTPS_PORT}`;
}

// An empty variable means the same as an absent one: `docker -e WG_X=` and unit files write them so.
function parseVariables(environment: NodeJS.ProcessEnv): Values {
  const problems: Record<string, string[]> = {};
  const values: Record<string, unknown> = {};
  for (const [name, { schema, allowed }] of Object.entries(variables)) {
    const given = environment[name] === '' ? undefined : environment[name];
    const parsed = schema.safeParse(given);
    if (parsed.success) values[name] = parsed.data;
    else problems[name] = [`${isSecret(name) ? 'its value' : JSON.stringify(given)} is not allowed; give ${allowed}`];
  }
  for (const name of Object.keys(environment)) {
    if (name.startsWith('WG_') && !(name in variables) && !FOREIGN.has(name)) problems[name] = ['there is no such variable'];
  }
  if (Object.keys(problems).length > 0) throw new InvalidInput(problems);
  return values as Values;
}

// WireGuard's own variables (wg(8), wg-quick(8), wireguard-go).
const FOREIGN = new Set([
  'WG_COLOR_MODE',
  'WG_HIDE_KEYS',
  'WG_ENDPOINT_RESOLUTION_RETRIES',
  'WG_QUICK_USERSPACE_IMPLEMENTATION',
  'WG_PROCESS_FOREGROUND',
  'WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD',
]);

function isSecret(name: string): boolean {
  return name === 'WG_SECRET_KEY' || name === 'WG_ADMIN_PASSWORD';
}

function isNetworkOf(version: 4 | 6) {
  return (text: string) => {
    const cidr = parseCidr(text);
    return cidr !== null && (cidr.includes(':') ? 6 : 4) === version;
  };
}

function areNetworks(items: readonly string[]): boolean {
  return items.every((item) => parseCidr(item) !== null);
}
