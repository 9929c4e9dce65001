import type { Actor } from '../accounts/permissions.ts';
import type { Audit } from '../audit/audit.ts';
import type { Db } from '../db/open.ts';
import { type Route, redirect, view } from '../http/route.ts';
import type { PluginHost, PluginStatus } from '../plugin/host.ts';
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
  async function record(actor: Actor, action: string, { plugin, state }: PluginStatus): Promise<void> {
    const target = { type: 'plugin', id: plugin.manifest.id, name: plugin.manifest.title };
    await db.transaction((tx) => audit.record(tx, actor, { action, target, changes: { state: state.kind } }));
  }

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
        const status = await host.enable(params['id'] ?? '');
        const { title } = status.plugin.manifest;
        await record(actor, 'plugin.enabled', status);
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
        const status = await host.disable(params['id'] ?? '');
        await record(actor, 'plugin.disabled', status);
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
