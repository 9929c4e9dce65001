import { field, type Host, orShowAgain, otherErrors, type PageRequest, type Reply, type Route, redirect, view } from '#core';
import type { CheckProvider, Finding } from './check.ts';
import { redirectUriOf } from './flow.ts';
import { providerFields, readProvider, shownValues } from './form.ts';
import type { ListedProvider, Providers } from './providers.ts';
import { newProvider } from './schema.ts';
import { section } from './section.ts';
import { text } from './text.ts';

interface AdminPageParts extends Pick<Host, 'settings'> {
  readonly providers: Providers;
  readonly check: CheckProvider;
}

type FormState = Parameters<typeof field>[0];

/** What a provider's form is about, and what came of testing it. */
interface Shown {
  readonly provider: ListedProvider | null;
  readonly state: FormState;
  readonly findings?: readonly Finding[];
}

const ROOT = '/admin/settings/oidc';
const permission = 'settings.manage';
const words = text.providers;

export function adminPages({ settings, providers, check }: AdminPageParts): readonly Route[] {
  const existing = ({ actor, params }: PageRequest) => providers.get(actor, params['id'] ?? '');

  function form(origin: string, { provider, state, findings = [] }: Shown): Reply {
    const groups = providerFields({ ...state, values: shownValues(state.values) }, provider === null);
    return view('oidc/provider', {
      title: provider === null ? words.create : words.edit(provider.label),
      text,
      groups,
      action: provider === null ? `${ROOT}/new` : `${ROOT}/providers/${provider.id}`,
      testAction: `${ROOT}/test`,
      provider,
      findings,
      problems: otherErrors(
        state.errors,
        groups.flatMap(({ fields }) => fields),
      ),
      hasErrors: Object.keys(state.errors).length > 0,
      redirectUri: redirectUriOf(origin, provider ?? { id: words.id_, trailingSlash: false }),
      back: ROOT,
    });
  }

  return [
    {
      method: 'GET',
      path: ROOT,
      permission,
      async handle({ actor }) {
        const { label, help } = section.text.fields['disableVpnOnError'] ?? { label: '', help: '' };
        const values = await settings.read(section);
        const flag = field({ values, errors: {} }, 'disableVpnOnError', label, { kind: 'flag', help });
        return view('oidc/providers', { title: section.text.title, text, flag, rows: await providers.list(actor), root: ROOT });
      },
    },
    {
      method: 'GET',
      path: `${ROOT}/new`,
      permission,
      handle: ({ origin }) =>
        form(origin, { provider: null, state: { values: { scope: newProvider.shape.scope.parse(undefined), enabled: true }, errors: {} } }),
    },
    {
      method: 'POST',
      path: `${ROOT}/new`,
      permission,
      handle({ actor, form: given, session, origin }) {
        const input = readProvider(given, true);
        return orShowAgain(
          async () => {
            const { id, label } = await providers.create(actor, input);
            session.flash('success', words.created(label));
            return redirect(`${ROOT}/providers/${id}`);
          },
          (errors) => form(origin, { provider: null, state: { values: input, errors } }),
        );
      },
    },
    {
      method: 'GET',
      path: `${ROOT}/providers/:id`,
      permission,
      async handle(request) {
        const provider = await existing(request);
        return form(request.origin, { provider, state: { values: provider, errors: {} } });
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/providers/:id`,
      permission,
      async handle(request) {
        const { actor, form: given, session, origin } = request;
        const provider = await existing(request);
        const input = readProvider(given, false);
        return orShowAgain(
          async () => {
            const { label } = await providers.update(actor, provider.id, input);
            session.flash('success', words.saved(label));
            return redirect(ROOT);
          },
          (errors) => form(origin, { provider, state: { values: input, errors } }),
        );
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/test`,
      permission,
      async handle({ actor, form: given, origin }) {
        const id = given.get('provider');
        const provider = id ? await providers.get(actor, id) : null;
        const input = { ...readProvider(given, true), ...(provider ? { id: provider.id } : {}) };
        return orShowAgain(
          async () => form(origin, { provider, state: { values: input, errors: {} }, findings: await check(actor, input) }),
          (errors) => form(origin, { provider, state: { values: input, errors } }),
        );
      },
    },
    {
      method: 'GET',
      path: `${ROOT}/providers/:id/delete`,
      permission,
      async handle(request) {
        const { id, label, people } = await existing(request);
        return view('core/confirm', {
          title: words.remove,
          question: words.removeAsk(label, people),
          label: words.remove,
          action: `${ROOT}/providers/${id}/delete`,
          back: `${ROOT}/providers/${id}`,
          makesKey: false,
        });
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/providers/:id/delete`,
      permission,
      async handle({ actor, params, session }) {
        const { label } = await providers.remove(actor, params['id'] ?? '');
        session.flash('success', words.deleted(label));
        return redirect(ROOT);
      },
    },
  ];
}
