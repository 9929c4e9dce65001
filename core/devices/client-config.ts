import type { PresharedKey, PublicKey } from '../net/inputs.ts';
import type { ClientDefaults } from '../settings/sections.ts';
import type { Device } from './store.ts';

/** Stands where the private key goes while only the device's owner knows it. No base64 key looks like it. */
export const PRIVATE_KEY_SLOT = '{{private-key}}';

interface ConfigParts {
  readonly device: Device;
  readonly defaults: ClientDefaults;
  readonly serverPublicKey: PublicKey;
  readonly presharedKey: PresharedKey;
  readonly listenPort: number;
  readonly privateKey?: string | undefined;
}

/** The values in force for a device: its overrides, else the defaults. */
export function effective(device: Device, defaults: ClientDefaults): ClientDefaults {
  return {
    endpoint: device.useDefaultEndpoint ? defaults.endpoint : (device.endpoint ?? defaults.endpoint),
    dns: device.useDefaultDns ? defaults.dns : [...device.dns],
    allowedIps: device.useDefaultAllowedIps ? defaults.allowedIps : [...device.allowedIps],
    mtu: device.useDefaultMtu ? defaults.mtu : (device.mtu ?? defaults.mtu),
    persistentKeepalive: device.useDefaultPersistentKeepalive ? defaults.persistentKeepalive : (device.persistentKeepalive ?? defaults.persistentKeepalive),
  };
}

/** The text that wg-quick(8) and the WireGuard apps import. */
export function clientConfig({ device, defaults, serverPublicKey, presharedKey, listenPort, privateKey }: ConfigParts): string {
  const values = effective(device, defaults);
  const addresses = [device.ipv4 && `${device.ipv4}/32`, device.ipv6 && `${device.ipv6}/128`].filter(Boolean);
  const sections: readonly (readonly [string, string | number | null])[] = [
    ['[Interface]', null],
    ['PrivateKey', privateKey ?? PRIVATE_KEY_SLOT],
    ['Address', addresses.join(', ')],
    ['MTU', values.mtu],
    ['DNS', values.dns.join(', ')],
    ['', null],
    ['[Peer]', null],
    ['PresharedKey', presharedKey],
    ['PublicKey', serverPublicKey],
    ['AllowedIPs', values.allowedIps.join(', ')],
    ['Endpoint', withPort(values.endpoint, listenPort)],
    ['PersistentKeepalive', values.persistentKeepalive],
  ];
  const lines = sections.filter(([, value]) => value !== '').map(([key, value]) => (value === null ? key : `${key} = ${value}`));
  return `${lines.join('\n')}\n`;
}

/** A file name every system and wg-quick accepts: its stem becomes the interface's name, at most 15 characters. */
export function configFileName(deviceName: string): string {
  const stem = deviceName
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9_=+.-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, 15)
    .replace(/[-.]+$/, '');
  return `${stem || 'wiregui'}.conf`;
}

/** Adds the port to an endpoint that has none; a bare IPv6 address gets its brackets. */
function withPort(endpoint: string, port: number): string {
  if (/^\[.*\](:\d+)?$/.test(endpoint)) return endpoint.endsWith(']') ? `${endpoint}:${port}` : endpoint;
  if (endpoint.split(':').length > 2) return `[${endpoint}]:${port}`;
  return endpoint.includes(':') ? endpoint : `${endpoint}:${port}`;
}
