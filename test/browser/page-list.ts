/** Every page that somebody who is signed in may open, under headings, by a name for its picture; `:id` stands for a device's id, `:user` for a user's. */
export const CHAPTERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'My devices and account': {
    devices: '/devices',
    'devices-new': '/devices/new',
    device: '/devices/:id',
    'device-edit': '/devices/:id/edit',
    'device-delete': '/devices/:id/delete',
    account: '/account',
    'token-new': '/account/tokens/new',
    'recovery-codes': '/account/recovery-codes',
    'totp-new': '/account/totp/new',
    'webauthn-new': '/account/webauthn/new',
  },
  Administration: {
    dashboard: '/admin',
    'dashboard-year': '/admin?range=year',
    notifications: '/admin/notifications',
    users: '/admin/users',
    'users-none': '/admin/users?q=nobody-like-that',
    'user-new': '/admin/users/new',
    user: '/admin/users/:user',
    'user-disable': '/admin/users/:user/disable',
    'user-vpn-end': '/admin/users/:user/vpn-end',
    'user-delete': '/admin/users/:user/delete',
    'users-selection': '/admin/users/selection?act=delete&chosen=:user',
    'admin-devices': '/admin/devices',
    'devices-none': '/admin/devices?q=nothing-like-it&status=expired',
    'devices-selection': '/admin/devices/selection?act=expire&chosen=:id',
    search: '/search?q=a',
    'search-none': '/search?q=nothing-like-it',
  },
  Firewall: {
    rules: '/admin/rules',
    'rules-none': '/admin/rules?q=nothing-like-it',
    'rule-new': '/admin/rules/new?user=:user',
    'rule-simulator': '/admin/rules/simulator?user=admin%40example.com&destination=10.0.0.5&protocol=tcp&port=443',
    'rule-assertions': '/admin/rules/assertions',
    'rule-assertion-new': '/admin/rules/assertions/new',
  },
  Settings: {
    'settings-client': '/admin/settings/client',
    'settings-network': '/admin/settings/network',
    'settings-security': '/admin/settings/security',
    'settings-firewall': '/admin/settings/firewall',
    'settings-api': '/admin/settings/api',
    'settings-branding': '/admin/settings/branding',
    'settings-certificate': '/admin/settings/certificate',
    'settings-mail': '/admin/settings/mail',
    'mail-test': '/admin/settings/mail/test',
    'settings-oidc': '/admin/settings/oidc',
    'oidc-new': '/admin/settings/oidc/new',
    'settings-saml': '/admin/settings/saml',
    'saml-new': '/admin/settings/saml/new',
    'settings-metrics': '/admin/settings/metrics',
    'settings-connectivity': '/admin/settings/connectivity',
    'settings-backup': '/admin/settings/backup',
  },
  Upkeep: {
    diagnostics: '/admin/diagnostics',
    'connectivity-none': '/admin/diagnostics/connectivity',
    audit: '/admin/audit',
    plugins: '/admin/plugins',
    system: '/admin/system',
    'plugin-disable': '/admin/plugins/oidc/disable',
    'api-docs': '/api/docs',
    'not-found': '/there-is-no-such-page',
  },
};

/** What there is besides on an appliance that has providers. */
export const IN_USE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'Sign-in providers': { 'oidc-edit': '/admin/settings/oidc/providers/company', 'saml-edit': '/admin/settings/saml/school' },
  'The appliance': {
    'system-status': '/admin/system',
    'system-updates': '/admin/system/updates',
    'system-network': '/admin/system/network',
    'system-ssh': '/admin/system/ssh',
    'system-time': '/admin/system/time',
    'system-logs': '/admin/system/logs',
    'system-reset': '/admin/system/factory-reset',
  },
};

export const PAGES: Readonly<Record<string, string>> = Object.assign({}, ...Object.values(CHAPTERS));

/** Pages for somebody who has not signed in. */
export const OUTSIDE: Readonly<Record<string, string>> = { login: '/login', 'login-link': '/login/link' };

export function at(path: string, { device, user }: { readonly device: string; readonly user: string }): string {
  return path.replace(':id', device).replace(':user', user);
}
