import { type Actor, InvalidInput, randomToken } from '#core';
import { type Operations, type Row, renamed } from './operate.ts';
import type { Resource } from './resource.ts';
import { text } from './text.ts';
import { known, moment, reversed } from './wire.ts';

const NAMES = {
  user_id: 'userId',
  public_key: 'publicKey',
  name: 'name',
  description: 'description',
  use_default_allowed_ips: 'useDefaultAllowedIps',
  use_default_dns: 'useDefaultDns',
  use_default_endpoint: 'useDefaultEndpoint',
  use_default_mtu: 'useDefaultMtu',
  use_default_persistent_keepalive: 'useDefaultPersistentKeepalive',
  allowed_ips: 'allowedIps',
  dns: 'dns',
  endpoint: 'endpoint',
  mtu: 'mtu',
  persistent_keepalive: 'persistentKeepalive',
};
const OVERRIDES = ['allowed_ips', 'dns', 'endpoint', 'mtu', 'persistent_keepalive'];
/** Firezone lets callers choose these; here they are made. */
const MADE_HERE = ['ipv4', 'ipv6', 'preshared_key'];

export function deviceResource(operations: Operations): Resource {
  /** The configuration is where the values in force stand: a device's own or the defaults, and the keys. */
  async function withConfiguration(actor: Actor, device: Row): Promise<Row> {
    const configuration = await operations.run(actor, 'get-device-config', { params: { id: String(device['id']) } });
    return show(device, valuesOf(String(configuration)));
  }

  return {
    path: 'devices',
    wrapper: 'device',
    async list(actor) {
      const shown: Row[] = [];
      for (const device of await operations.all(actor, 'list-devices')) shown.push(await withConfiguration(actor, device));
      return shown;
    },
    get: async (actor, id) => withConfiguration(actor, await operations.run(actor, 'get-device', { params: { id } })),
    async create(actor, given) {
      refuseBadFields(given);
      const body = { name: `device ${randomToken().slice(0, 8)}`, ...known(given, NAMES) };
      return renamed(reversed(NAMES), async () => withConfiguration(actor, await operations.run(actor, 'create-device', { body })));
    },
    // Firezone changes these two and nothing else.
    async update(actor, id, given) {
      const body = known(given, { name: 'name', description: 'description' });
      return withConfiguration(actor, await operations.run(actor, 'update-device', { params: { id }, body }));
    },
    async remove(actor, id) {
      await operations.run(actor, 'delete-device', { params: { id } });
    },
  };
}

function refuseBadFields(given: Row): void {
  const problems: Record<string, string[]> = {};
  for (const field of ['user_id', 'public_key']) if (!given[field]) problems[field] = [text.required];
  for (const field of MADE_HERE) if (given[field] !== undefined) problems[field] = [text.notChosenHere];
  for (const field of OVERRIDES) {
    const isDefault = given[`use_default_${field}`] !== false;
    if (isDefault && given[field] !== undefined) problems[field] = [text.mustNotBePresent];
    if (!isDefault && (given[field] ?? '') === '') problems[field] = [text.required];
  }
  if (Object.keys(problems).length > 0) throw new InvalidInput(problems);
}

/** `Key = value` lines of a configuration. */
function valuesOf(configuration: string): ReadonlyMap<string, string> {
  return new Map([...configuration.matchAll(/^(\w+) = (.*)$/gm)].map(([, key = '', value = '']) => [key, value]));
}

function show(device: Row, values: ReadonlyMap<string, string>): Row {
  const listOf = (key: string) => values.get(key)?.split(', ') ?? [];
  return {
    id: device['id'],
    user_id: device['userId'],
    name: device['name'],
    description: device['description'],
    public_key: device['publicKey'],
    preshared_key: values.get('PresharedKey'),
    server_public_key: values.get('PublicKey'),
    use_default_allowed_ips: device['useDefaultAllowedIps'],
    use_default_dns: device['useDefaultDns'],
    use_default_endpoint: device['useDefaultEndpoint'],
    use_default_mtu: device['useDefaultMtu'],
    use_default_persistent_keepalive: device['useDefaultPersistentKeepalive'],
    allowed_ips: listOf('AllowedIPs'),
    dns: listOf('DNS'),
    endpoint: values.get('Endpoint'),
    mtu: Number(values.get('MTU')),
    persistent_keepalive: Number(values.get('PersistentKeepalive')),
    ipv4: device['ipv4'],
    ipv6: device['ipv6'],
    remote_ip: device['remoteIp'],
    rx_bytes: device['rxBytes'],
    tx_bytes: device['txBytes'],
    latest_handshake: moment(device['latestHandshake']),
    inserted_at: moment(device['createdAt']),
    updated_at: moment(device['updatedAt']),
  };
}
