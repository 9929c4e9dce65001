import type { Actor, Route } from '#core';
import { type Operations, type Row, renamed } from './operate.ts';
import { data, route, unwrap } from './resource.ts';
import { known, reversed } from './wire.ts';

/** Firezone's one row is spread over our sections of settings. */
const SECTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  security: {
    vpn_session_duration: 'vpnSessionDuration',
    allow_unprivileged_device_management: 'allowSelfService',
    allow_unprivileged_device_configuration: 'allowOverrides',
  },
  client: {
    default_client_endpoint: 'endpoint',
    default_client_dns: 'dns',
    default_client_allowed_ips: 'allowedIps',
    default_client_mtu: 'mtu',
    default_client_persistent_keepalive: 'persistentKeepalive',
  },
};

export function configurationRoutes(operations: Operations): readonly Route[] {
  async function show(actor: Actor): Promise<Row> {
    const shown: Record<string, unknown> = {};
    for (const [section, names] of Object.entries(SECTIONS)) {
      const settings = await operations.run(actor, `get-${section}-settings`);
      for (const [theirs, ours] of Object.entries(names)) shown[theirs] = settings[ours];
    }
    return shown;
  }

  async function update(actor: Actor, given: Row): Promise<Row> {
    const changes = Object.entries(SECTIONS)
      .map(([section, names]) => ({ id: `update-${section}-settings`, names: reversed(names), body: known(given, names) }))
      .filter(({ body }) => Object.keys(body).length > 0);
    // All or nothing: every section is looked at before the first one is written.
    for (const { id, names, body } of changes) await renamed(names, () => operations.check(id, body));
    for (const { id, names, body } of changes) await renamed(names, () => operations.run(actor, id, { body }));
    return show(actor);
  }

  const path = '/v0/configuration';
  return [
    route('GET', path, async ({ actor }) => data(await show(actor))),
    route('PUT', path, async (request) => data(await update(request.actor, unwrap(request, 'configuration')))),
    route('PATCH', path, async (request) => data(await update(request.actor, unwrap(request, 'configuration')))),
  ];
}
