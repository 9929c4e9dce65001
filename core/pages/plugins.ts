import type { Audit } from '../audit/audit.ts';
import type { Db } from '../db/open.ts';
import { type Route, redirect, view } from '../http/route.ts';
import type { PluginHost } from '../plugin/host.ts';
import { switchPlugin } from '../plugin/switch.ts';
import { en } from '../text/en.ts';

interface PluginPageParts {
  readonly db: Db;
  readonly audit: Audit;
  readonly host: PluginHost;
  readonly isSafeMode: () => boolean;
  readonly leaveSafeMode: () => Promise<void>;
}

const text = en.plugins;
const ROOT = '/admin/plugins';

export function pluginPages({ db, audit, host, isSafeMode, leaveSafeMode }: PluginPageParts): readonly Route[] {
  return [
    {
      method: 'GET',
      path: ROOT,
      permission: 'plugins.manage',
      handle: () => view('core/plugins', { title: text.title, statuses: host.statuses(), isSafeMode: isSafeMode() }),
    },
    {
      method: 'POST',
      path: `${ROOT}/:id/enable`,
      permission: 'plugins.manage',
      async handle({ actor, params, session }) {
        const status = await switchPlugin({ db, audit, host }, actor, params['id'] ?? '', 'enable');
        const { title } = status.plugin.manifest;
        if (status.state.kind === 'failed') session.flash('danger', text.failedToStart(title, status.state.why));
        else session.flash('success', text.enabled(title));
        return redirect(ROOT);
      },
    },
    {
      method: 'GET',
      path: `${ROOT}/:id/disable`,
      permission: 'plugins.manage',
      handle({ params }) {
        const { title = '', whenOff = '' } = host.statuses().find(({ plugin }) => plugin.manifest.id === params['id'])?.plugin.manifest ?? {};
        return view('core/confirm', {
          title: text.disable,
          question: `${text.disableAsk(title)} ${whenOff}`,
          label: text.disable,
          action: `${ROOT}/${params['id']}/disable`,
          back: ROOT,
          makesKey: false,
        });
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/:id/disable`,
      permission: 'plugins.manage',
      async handle({ actor, params, session }) {
        const status = await switchPlugin({ db, audit, host }, actor, params['id'] ?? '', 'disable');
        session.flash('success', text.disabled(status.plugin.manifest.title));
        return redirect(ROOT);
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/safe-mode/leave`,
      permission: 'plugins.manage',
      async handle() {
        await leaveSafeMode();
        return redirect(ROOT);
      },
    },
  ];
}
