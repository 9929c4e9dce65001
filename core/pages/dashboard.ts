import { listUsers } from '../accounts/store.ts';
import { listAudit } from '../audit/store.ts';
import type { Db } from '../db/open.ts';
import { ONLINE_WITHIN_MS } from '../devices/describe.ts';
import { countDevices, countOnline } from '../devices/store.ts';
import { type Route, redirect, view } from '../http/route.ts';
import type { Notifications } from '../notifications/notifications.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';
import type { NetworkView } from './network-view.ts';

interface DashboardPageParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly network: NetworkView;
  readonly notifications: Notifications;
}

const RECENT = 8;

export function dashboardPages({ db, clock, network, notifications }: DashboardPageParts): readonly Route[] {
  return [
    { method: 'GET', path: '/', permission: 'account.own', handle: ({ actor }) => redirect(actor.role === 'admin' ? '/admin' : '/devices') },
    {
      method: 'GET',
      path: '/admin',
      permission: 'diagnostics.read',
      async handle() {
        const { total: userCount } = await listUsers(db, { limit: 1, offset: 0 });
        const { items: recent } = await listAudit(db, { limit: RECENT, offset: 0 });
        return view('core/dashboard', {
          title: en.admin.dashboard,
          userCount,
          deviceCount: await countDevices(db),
          onlineCount: await countOnline(db, new Date(clock.now().getTime() - ONLINE_WITHIN_MS)),
          peerCount: (await network.peers()).length,
          unread: await notifications.countUnread(),
          recent,
        });
      },
    },
  ];
}
