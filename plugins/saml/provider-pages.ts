import { type Clock, orShowAgain, otherErrors, type PageRequest, type Reply, type Route, redirect, view } from '#core';
import { EMPTY, formGroups, readProviderForm, valuesOf } from './form.ts';
import type { CertificateFacts } from './idp-metadata.ts';
import type { KeyPairs } from './key-pair.ts';
import { certificatesOf, type Providers } from './providers.ts';
import { describePem, serviceProviderFacts } from './service-provider.ts';
import type { Provider } from './store.ts';
import { text } from './text.ts';

export const ROOT = '/admin/settings/saml';

interface ProviderPageParts {
  readonly providers: Providers;
  readonly keyPairs: KeyPairs;
  readonly clock: Clock;
}

type FormState = Parameters<typeof formGroups>[0];

const permission = 'settings.manage';
const page = (title: string) => ({ title, text, root: ROOT });

/** A tab of the settings. */
export function providerPages(parts: ProviderPageParts): readonly Route[] {
  return [...listPages(parts), ...newPages(parts), ...onePages(parts), ...keyPages(parts)];
}

function listPages({ providers, keyPairs, clock }: ProviderPageParts): readonly Route[] {
  return [
    {
      method: 'GET',
      path: ROOT,
      permission,
      async handle({ actor }) {
        const rows = (await providers.list(actor)).map((provider) => ({ ...provider, certificates: withStates(certificatesOf(provider), clock.now()) }));
        const keys = withStates((await keyPairs.certificates()).map(describePem), clock.now());
        return view('saml/list', { ...page(text.title), rows, keys });
      },
    },
  ];
}

function newPages({ providers }: ProviderPageParts): readonly Route[] {
  const show = (state: FormState): Reply => {
    const groups = formGroups(state, true);
    return view('saml/new', { ...page(text.create), groups, action: ROOT, problems: problemsOf(state, groups) });
  };
  return [
    { method: 'GET', path: `${ROOT}/new`, permission, handle: () => show({ values: EMPTY, errors: {} }) },
    {
      method: 'POST',
      path: ROOT,
      permission,
      handle({ actor, form, session }) {
        const values = readProviderForm(form);
        return orShowAgain(
          async () => {
            const { id, label } = await providers.create(actor, values);
            session.flash('success', text.created(label));
            return redirect(`${ROOT}/${id}`);
          },
          (errors) => show({ values, errors }),
        );
      },
    },
  ];
}

function onePages({ providers, clock }: ProviderPageParts): readonly Route[] {
  const one = `${ROOT}/:id`;
  const named = ({ actor, params }: PageRequest) => providers.get(actor, params['id'] ?? '');

  function show({ origin }: PageRequest, provider: Provider, state: FormState): Reply {
    const groups = formGroups(state, false);
    return view('saml/provider', {
      ...page(provider.label),
      provider,
      certificates: withStates(certificatesOf(provider), clock.now()),
      facts: serviceProviderFacts(origin, provider.id),
      groups,
      action: `${ROOT}/${provider.id}`,
      // A provider from the file is shown without its form.
      problems: problemsOf(state, provider.fromFile ? [] : groups),
    });
  }

  return [
    {
      method: 'GET',
      path: one,
      permission,
      async handle(request) {
        const provider = await named(request);
        return show(request, provider, { values: valuesOf(provider), errors: {} });
      },
    },
    {
      method: 'POST',
      path: one,
      permission,
      async handle(request) {
        const provider = await named(request);
        const { id: _fixed, metadata, ...values } = readProviderForm(request.form);
        return orShowAgain(
          async () => {
            const { label } = await providers.update(request.actor, provider.id, metadata === '' ? values : { ...values, metadata });
            request.session.flash('success', text.saved(label));
            return redirect(`${ROOT}/${provider.id}`);
          },
          (errors) => show(request, provider, { values: { ...values, metadata }, errors }),
        );
      },
    },
    {
      method: 'GET',
      path: `${one}/delete`,
      permission,
      async handle(request) {
        const { label } = await named(request);
        return confirm(request, text.deleteAsk(label), 'Delete', ROOT);
      },
    },
    {
      method: 'POST',
      path: `${one}/delete`,
      permission,
      async handle({ actor, params, session }) {
        const { label } = await providers.remove(actor, params['id'] ?? '');
        session.flash('success', text.deleted(label));
        return redirect(ROOT);
      },
    },
    {
      method: 'GET',
      path: `${one}/metadata`,
      permission,
      async handle(request) {
        const { id, label, metadataUrl } = await named(request);
        return confirm(request, text.provider.fetchAsk(label, metadataUrl ?? '–'), text.provider.fetch, `${ROOT}/${id}`);
      },
    },
    {
      method: 'POST',
      path: `${one}/metadata`,
      permission,
      async handle(request) {
        const provider = await named(request);
        return orShowAgain(
          async () => {
            await providers.fetchMetadata(request.actor, provider.id);
            request.session.flash('success', text.provider.fetched(provider.label));
            return redirect(`${ROOT}/${provider.id}`);
          },
          (errors) => show(request, provider, { values: valuesOf(provider), errors }),
        );
      },
    },
  ];
}

function keyPages({ keyPairs }: ProviderPageParts): readonly Route[] {
  const step = (path: string, label: string, question: string, done: string, act: KeyPairs['renew']): readonly Route[] => [
    { method: 'GET', path, permission, handle: (request) => confirm(request, question, label, ROOT) },
    {
      method: 'POST',
      path,
      permission,
      async handle({ actor, session }) {
        await act(actor);
        session.flash('success', done);
        return redirect(ROOT);
      },
    },
  ];
  const { renew, renewAsk, renewed, finish, finishAsk, finished } = text.key;
  return [
    ...step(`${ROOT}/key/renewal`, renew, renewAsk, renewed, keyPairs.renew),
    ...step(`${ROOT}/key/renewal/end`, finish, finishAsk, finished, keyPairs.finishRenewal),
  ];
}

function confirm({ url }: PageRequest, question: string, label: string, back: string): Reply {
  return view('core/confirm', { title: label, question, label, action: url.replace(/\?.*$/, ''), back, makesKey: false });
}

function problemsOf(state: FormState, groups: ReturnType<typeof formGroups>): readonly string[] {
  return otherErrors(
    state.errors,
    groups.flatMap(({ fields }) => fields),
  );
}

const MONTH_MS = 30 * 86_400_000;

/** Green for a month and more to go. */
function withStates(certificates: readonly CertificateFacts[], now: Date) {
  return certificates.map((certificate) => {
    const leftMs = certificate.expiresAt.getTime() - now.getTime();
    return { ...certificate, isOver: leftMs <= 0, color: leftMs <= 0 ? 'red' : leftMs < MONTH_MS ? 'yellow' : 'green' };
  });
}
