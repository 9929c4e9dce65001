import { type Route, redirect, view } from '../http/route.ts';
import type { Notifications } from '../notifications/notifications.ts';
import { en } from '../text/en.ts';
import type { NetworkView } from './network-view.ts';

interface DiagnosticsPageParts {
  readonly network: NetworkView;
  readonly notifications: Notifications;
}

const ROOT = '/admin/diagnostics';

export function diagnosticsPages({ network, notifications }: DiagnosticsPageParts): readonly Route[] {
  return [
    {
      method: 'GET',
      path: ROOT,
      permission: 'diagnostics.read',
      async handle() {
        return view('core/diagnostics', {
          title: en.diagnostics.title,
          interfaceName: network.interfaceName,
          serverPublicKey: await network.serverPublicKey(),
          peers: await network.peers(),
          drift: network.drift(),
          ruleset: await network.ruleset(),
          notifications: await notifications.list(),
        });
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/notifications/clear`,
      permission: 'diagnostics.read',
      async handle({ form }) {
        const id = form.get('id');
        await (id ? notifications.clear(id) : notifications.clearAll());
        return redirect(ROOT);
      },
    },
  ];
}
