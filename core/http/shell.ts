import { type Actor, allows } from '../accounts/permissions.ts';
import type { SessionData } from '../accounts/session-data.ts';
import type { Theme } from '../accounts/tables.ts';
import type { VpnSessionNotice } from '../accounts/vpn-session.ts';
import type { NetworkStatus } from '../net/reconcile.ts';
import type { Brand } from '../plugin/contract.ts';
import { en } from '../text/en.ts';
import type { NavItem } from './route.ts';

/** What every template finds in `it` beside its own model. */
export interface Shell {
  readonly t: typeof en;
  readonly brand: Brand;
  readonly actor: Actor;
  readonly isAdmin: boolean;
  readonly path: string;
  /** The path with its query, to come back to. */
  readonly url: string;
  readonly ownNav: readonly ShownNavItem[];
  readonly adminNav: readonly ShownNavItem[];
  readonly settingsNav: readonly ShownNavItem[];
  readonly flash: SessionData['flash'] | undefined;
  readonly network: NetworkStatus;
  /** Notifications that no administrator has read; 0 for others. */
  readonly unread: number;
  readonly vpnSession: VpnSessionNotice | null;
  /** A change that waits to be confirmed. */
  readonly provisional: { readonly id: string; readonly title: string; readonly expiresAt: Date; readonly secondsLeft: number } | null;
  readonly theme: Theme;
  /** htmx asked for a part of the page: no layout around it. */
  readonly isFragment: boolean;
  asset(name: string): string;
  time(moment: Date | null): string;
  bytes(count: number): string;
  can(permission: string): boolean;
}

interface ShownNavItem extends NavItem {
  readonly isCurrent: boolean;
}

interface ShellParts {
  readonly brand: Brand;
  readonly actor: Actor;
  readonly path: string;
  readonly url: string;
  readonly nav: readonly NavItem[];
  readonly flash: SessionData['flash'] | undefined;
  readonly network: NetworkStatus;
  readonly unread: number;
  readonly vpnSession: Shell['vpnSession'];
  readonly provisional: Shell['provisional'];
  readonly theme: Theme;
  readonly isFragment: boolean;
  readonly asset: (name: string) => string;
}

export function createShell({ nav, ...parts }: ShellParts): Shell {
  const { actor, path } = parts;
  const isCurrent = (item: NavItem) => !nav.some((other) => other.path.length > item.path.length && isSameMenu(other, item) && isBelow(path, other.path));
  const visible = nav.filter((item) => allows(actor, item.permission)).map((item) => ({ ...item, isCurrent: isBelow(path, item.path) && isCurrent(item) }));
  return {
    ...parts,
    t: en,
    isAdmin: actor.role === 'admin',
    ownNav: visible.filter((item) => item.group === 'own'),
    adminNav: visible.filter((item) => item.group === 'admin'),
    settingsNav: visible.filter((item) => item.group === 'settings'),
    time: (moment) => moment?.toISOString().replace('T', ' ').slice(0, 16).concat(' UTC') ?? '',
    bytes: formatBytes,
    can: (permission) => allows(actor, permission),
  };
}

/** Binary units, three digits at most: `1.5 MiB`. */
export function formatBytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const power = count < 1 ? 0 : Math.min(Math.floor(Math.log2(count) / 10), units.length - 1);
  const value = count / 2 ** (10 * power);
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}

/** The tabs of the settings stand beside the sidebar. */
function isSameMenu(one: NavItem, other: NavItem): boolean {
  return (one.group === 'settings') === (other.group === 'settings');
}

function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}
