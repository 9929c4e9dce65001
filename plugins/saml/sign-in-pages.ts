import { type Host, leaveFor, localPath, type Panel, type Route, raw, redirect, type User, view } from '#core';
import { ROOT, type ServiceProvider } from './service-provider.ts';
import type { SamlSignIn } from './sign-in.ts';
import { connectedMethods } from './store.ts';
import { text } from './text.ts';

const CONNECT = '/account/saml';

interface SignInPageParts {
  readonly signIn: SamlSignIn;
  readonly serviceProvider: ServiceProvider;
}

/** Firezone's addresses, so that providers that know them need not be told new ones. */
export function signInPages({ signIn, serviceProvider }: SignInPageParts): readonly Route[] {
  return [
    {
      method: 'GET',
      path: `${ROOT}/auth/signin/:id`,
      permission: 'public',
      async handle(request) {
        const provider = await signIn.enabled(request.params['id']);
        const returnTo = localPath(request.query.get('return_to'));
        return leaveFor(await signIn.begin(request, provider, { kind: 'sign-in', returnTo }));
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/sp/consume/:id`,
      permission: 'public',
      isOpenToOtherSites: true,
      // No cookie comes with another site's form (SameSite): the browser shows who it is on the next page.
      handle: async (request) => redirect(await signIn.consume(request, await signIn.enabled(request.params['id']))),
    },
    {
      method: 'GET',
      path: `${ROOT}/finish/:id`,
      permission: 'public',
      handle: async (request) => redirect(await signIn.finish(request, await signIn.enabled(request.params['id']))),
    },
    {
      method: 'GET',
      path: `${ROOT}/sp/metadata/:id`,
      permission: 'public',
      async handle({ origin, params }) {
        return raw('application/samlmetadata+xml', await serviceProvider.metadata(origin, await signIn.known(params['id'])));
      },
    },
    {
      method: 'POST',
      path: `${CONNECT}/:id/connect`,
      permission: 'account.own',
      needsFreshProof: true,
      async handle(request) {
        const provider = await signIn.enabled(request.params['id']);
        const url = await signIn.begin(request, provider, { kind: 'connect', userId: request.actor.userId ?? '' });
        // A form may lead to this site only (form-action), also by redirection: the last step is a link.
        return view('saml/connect', { title: text.connect.title(provider.label), text: text.connect, label: provider.label, url: url.href });
      },
    },
  ];
}

/** The card on the account page: providers that are not connected yet. */
export function connectPanel({ db }: Pick<Host, 'db'>, signIn: SamlSignIn): Panel<User> {
  return {
    template: 'saml/_connect',
    async model(_request, user) {
      const connected = await connectedMethods(db, user.id);
      const methods = (await signIn.methods()).filter(({ id }) => !connected.has(id));
      if (methods.length === 0) return null;
      return { text: text.connect, root: CONNECT, methods: methods.map(({ id, label }) => ({ id: id.replace('saml:', ''), label })) };
    },
  };
}
