import { listUsers } from '../accounts/store.ts';
import { listAudit } from '../audit/store.ts';
import { ONLINE_WITHIN_MS } from '../devices/describe.ts';
import type { Stats } from '../devices/stats.ts';
import { countDevices, countOnline } from '../devices/store.ts';
import { type PageRequest, type Reply, type Route, redirect, view } from '../http/route.ts';
import type { Notifications } from '../notifications/notifications.ts';
import type { Panel } from '../plugin/contract.ts';
import { en } from '../text/en.ts';
import { type BoxHealthParts, boxHealth } from './box-health.ts';
import { showPanels } from './panels.ts';

interface DashboardPageParts extends BoxHealthParts {
  readonly notifications: Notifications;
  readonly stats: Stats;
  readonly panels: () => readonly Panel<null>[];
}

const RECENT = 8;
const NOTIFICATIONS = 4;

export function dashboardPages(parts: DashboardPageParts): readonly Route[] {
  const { db, clock, notifications, stats } = parts;

  async function dashboard(request: PageRequest): Promise<Reply> {
    const { items: recent } = await db.remembered('recent acts', () => listAudit(db, { limit: RECENT, offset: 0 }));
    const { total: userCount } = await db.remembered('users in all', () => listUsers(db, { limit: 1, offset: 0 }));
    const since = new Date(clock.now().getTime() - ONLINE_WITHIN_MS);
    return view('core/dashboard', {
      title: en.admin.dashboard,
      userCount,
      deviceCount: await db.remembered('devices in all', () => countDevices(db)),
      // To the half minute, so that it is not counted for each of many viewers.
      onlineCount: await db.remembered(`online ${Math.floor(since.getTime() / 30_000)}`, () => countOnline(db, since)),
      peerCount: stats.latest()?.peerCount ?? 0,
      health: await boxHealth(parts, recent[0]?.at ?? null),
      unread: await notifications.countUnread(),
      notifications: (await notifications.list()).slice(0, NOTIFICATIONS),
      recent,
      panels: await showPanels(parts.panels(), request, null),
    });
  }

  return [
    { method: 'GET', path: '/', permission: 'account.own', handle: ({ actor }) => redirect(actor.role === 'admin' ? '/admin' : '/devices') },
    { method: 'GET', path: '/admin', permission: 'diagnostics.read', handle: dashboard },
  ];
}
