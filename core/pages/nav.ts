import type { NavItem } from '../http/route.ts';
import { en } from '../text/en.ts';

export const CORE_NAV: readonly NavItem[] = [
  { label: en.nav.devices, path: '/devices', icon: 'device-laptop', permission: 'devices.own', group: 'own' },
  { label: en.nav.account, path: '/account', icon: 'user-circle', permission: 'account.own', group: 'own' },
  { label: en.nav.dashboard, path: '/admin', icon: 'layout-dashboard', permission: 'diagnostics.read', group: 'admin' },
  { label: en.nav.notifications, path: '/admin/notifications', icon: 'bell', permission: 'diagnostics.read', group: 'admin', hasBadge: true },
  { label: en.nav.users, path: '/admin/users', icon: 'users', permission: 'users.manage', group: 'admin' },
  { label: en.nav.allDevices, path: '/admin/devices', icon: 'devices', permission: 'devices.manage', group: 'admin' },
];

/** What stands below the pages of plugins. */
export const UPKEEP_NAV: readonly NavItem[] = [
  { label: en.nav.settings, path: '/admin/settings', icon: 'settings', permission: 'settings.manage', group: 'admin' },
  { label: en.nav.diagnostics, path: '/admin/diagnostics', icon: 'stethoscope', permission: 'diagnostics.read', group: 'admin' },
  { label: en.nav.audit, path: '/admin/audit', icon: 'history', permission: 'audit.read', group: 'admin' },
  { label: en.nav.plugins, path: '/admin/plugins', icon: 'puzzle', permission: 'plugins.manage', group: 'admin' },
];
