import { Forbidden, type FormState, field, type Host, json, otherErrors, type Reply, type Route, raw, redirect, saveSection, view } from '#core';
import type { MetricsAccess } from './access.ts';
import { CONTENT_TYPE } from './exposition.ts';
import { section } from './section.ts';
import { text } from './text.ts';

interface MetricsPageParts extends Pick<Host, 'settings'> {
  readonly access: MetricsAccess;
  readonly scrape: () => Promise<string>;
}

const ROOT = '/admin/settings/metrics';
const permission = 'settings.manage';

export function metricsPages({ settings, access, scrape }: MetricsPageParts): readonly Route[] {
  async function show(state: FormState): Promise<Reply> {
    const { allowedNetworks, eachDevice } = text.settings.fields;
    const fields = [
      field(state, 'allowedNetworks', allowedNetworks.label, { help: allowedNetworks.help, kind: 'list' }),
      field(state, 'eachDevice', eachDevice.label, { help: eachDevice.help, kind: 'flag' }),
    ];
    const model = { title: text.title, text, fields, problems: otherErrors(state.errors, fields), action: ROOT, tokenMadeAt: await access.tokenMadeAt() };
    return view('metrics/settings', model);
  }

  return [
    {
      method: 'GET',
      path: '/metrics',
      // Monitoring has no account: it shows a token, or comes from a network that was named.
      permission: 'public',
      async handle({ ip, headers }) {
        const { authorization } = headers;
        const answer = await access.of(ip, typeof authorization === 'string' ? authorization : undefined);
        if (answer === 'off') throw new Forbidden(text.off);
        if (answer === 'refused') return json({ error: text.unauthorized }, 401, { 'WWW-Authenticate': 'Bearer' });
        return raw(CONTENT_TYPE, await scrape());
      },
    },
    { method: 'GET', path: ROOT, permission, handle: async () => show({ values: await settings.read(section), errors: {} }) },
    {
      method: 'POST',
      path: ROOT,
      permission,
      handle: (request) => saveSection(settings, section, request, show),
    },
    {
      method: 'POST',
      path: `${ROOT}/token`,
      permission,
      handle: async ({ actor, origin }) =>
        view(
          'metrics/token',
          { title: text.token.shownTitle, text: text.token, token: await access.makeToken(actor), host: new URL(origin).host, back: ROOT },
          201,
        ),
    },
    {
      method: 'GET',
      path: `${ROOT}/token/remove`,
      permission,
      handle: () =>
        view('core/confirm', {
          title: text.token.remove,
          question: text.token.removeAsk,
          label: text.token.remove,
          action: `${ROOT}/token/remove`,
          back: ROOT,
          makesKey: false,
        }),
    },
    {
      method: 'POST',
      path: `${ROOT}/token/remove`,
      permission,
      async handle({ actor, session }) {
        await access.removeToken(actor);
        session.flash('success', text.token.removed);
        return redirect(ROOT);
      },
    },
  ];
}
