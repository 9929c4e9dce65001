import { type Actor, InvalidInput, type Route } from '#core';
import { type Operations, type Row, renamed } from './operate.ts';
import { data, route, unwrap } from './resource.ts';
import { text } from './text.ts';
import { known, reversed } from './wire.ts';

/** Firezone's one row is spread over our sections of settings; those of plugins come and go with them. */
const SECTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  security: {
    local_auth_enabled: 'localSignIn',
    vpn_session_duration: 'vpnSessionDuration',
    allow_unprivileged_device_management: 'allowSelfService',
    allow_unprivileged_device_configuration: 'allowOverrides',
  },
  oidc: { disable_vpn_on_oidc_error: 'disableVpnOnError' },
  client: {
    default_client_endpoint: 'endpoint',
    default_client_dns: 'dns',
    default_client_allowed_ips: 'allowedIps',
    default_client_mtu: 'mtu',
    default_client_persistent_keepalive: 'persistentKeepalive',
  },
};

/** What stands in Firezone's row and is not changed through it: who sends back what was read is not refused. */
const SET_ELSEWHERE: Row = { logo: null, openid_connect_providers: [], saml_identity_providers: [] };
const OIDC_PROVIDERS = 'list-oidc-providers';

export function configurationRoutes(operations: Operations): readonly Route[] {
  const offered = () => Object.entries(SECTIONS).filter(([section]) => operations.has(`get-${section}-settings`));

  async function show(actor: Actor): Promise<Row> {
    const shown: Record<string, unknown> = { ...SET_ELSEWHERE, disable_vpn_on_oidc_error: false };
    for (const [section, names] of offered()) {
      const settings = await operations.run(actor, `get-${section}-settings`);
      for (const [theirs, ours] of Object.entries(names)) shown[theirs] = settings[ours];
    }
    if (operations.has(OIDC_PROVIDERS)) shown['openid_connect_providers'] = (await operations.all(actor, OIDC_PROVIDERS)).map(showProvider);
    return shown;
  }

  async function update(actor: Actor, given: Row): Promise<Row> {
    const changes = offered()
      .map(([section, names]) => ({ id: `update-${section}-settings`, names: reversed(names), body: known(given, names) }))
      .filter(({ body }) => Object.keys(body).length > 0);
    // All or nothing: every section is looked at before the first one is written.
    for (const { id, names, body } of changes) await renamed(names, () => operations.check(actor, id, body));
    for (const { id, names, body } of changes) await renamed(names, () => operations.run(actor, id, { body }));
    return show(actor);
  }

  const change: Parameters<typeof route>[2] = async (request) => {
    operations.check(request.actor, 'update-security-settings');
    const given = unwrap(request, 'configuration');
    refuseSetElsewhere(given, await show(request.actor));
    return data(await update(request.actor, given));
  };
  const path = '/v0/configuration';
  return [route('GET', path, async ({ actor }) => data(await show(actor))), route('PUT', path, change), route('PATCH', path, change)];
}

function refuseSetElsewhere(given: Row, shown: Row): void {
  const fields = Object.keys(SET_ELSEWHERE).filter((field) => given[field] !== undefined && JSON.stringify(given[field]) !== JSON.stringify(shown[field]));
  if (fields.length > 0) throw new InvalidInput(Object.fromEntries(fields.map((field) => [field, [text.setElsewhere]])));
}

/** Without the client's secret, which nobody is told. */
function showProvider(provider: Row): Row {
  return {
    id: provider['id'],
    label: provider['label'],
    scope: provider['scope'],
    response_type: 'code',
    client_id: provider['clientId'],
    discovery_document_uri: provider['discoveryDocumentUri'],
    auto_create_users: provider['autoCreateUsers'],
  };
}
