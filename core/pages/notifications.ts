import { type Route, redirect, view } from '../http/route.ts';
import type { Notifications } from '../notifications/notifications.ts';
import { en } from '../text/en.ts';

interface NotificationPageParts {
  readonly notifications: Notifications;
}

const text = en.notifications;
const ROOT = '/admin/notifications';
const permission = 'diagnostics.read';

/** What administrators should know. Opening the list marks what it shows as read. */
export function notificationPages({ notifications }: NotificationPageParts): readonly Route[] {
  return [
    {
      method: 'GET',
      path: ROOT,
      permission,
      async handle({ query, headers }) {
        const isUnreadOnly = query.get('show') === 'unread';
        const all = await notifications.list();
        const unread = all.filter(({ readAt }) => readAt === null);
        // A page that stands open somewhere fetches the list anew by itself: nobody may have looked at it.
        if (unread.length > 0 && headers['hx-request'] === undefined) await notifications.markAllRead();
        return view('core/notifications', { title: text.title, notifications: isUnreadOnly ? unread : all, isUnreadOnly, isEmpty: all.length === 0 });
      },
    },
    { method: 'GET', path: `${ROOT}/badge`, permission, handle: () => view('core/_badge') },
    {
      method: 'POST',
      path: `${ROOT}/clear`,
      permission,
      async handle({ form, session }) {
        const id = form.get('notice');
        await (id ? notifications.clear(id) : notifications.clearAll());
        session.flash('success', id ? text.cleared : text.allCleared);
        return redirect(ROOT);
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/read`,
      permission,
      async handle({ form }) {
        const id = form.get('notice');
        await (id ? notifications.markRead(id) : notifications.markAllRead());
        return redirect(ROOT);
      },
    },
  ];
}
