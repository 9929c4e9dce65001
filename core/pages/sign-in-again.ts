import { localPath, type Route, redirect, view } from '../http/route.ts';
import { en } from '../text/en.ts';

/** What a page that is open says of the VPN session, as it changes, and the way through a fresh sign-in and back. */
export const signInAgainPages: readonly Route[] = [
  {
    method: 'GET',
    path: '/account/vpn-session',
    permission: 'account.own',
    handle: ({ query }) => view('core/_vpn-session', { url: localPath(query.get('return_to')), arrives: query.has('arrives') }),
  },
  {
    method: 'GET',
    path: '/account/prove',
    permission: 'account.own',
    handle: ({ query }) => view('core/account/prove', { title: en.proof.title, returnTo: localPath(query.get('return_to')) }),
  },
  {
    method: 'POST',
    path: '/account/sign-in-again',
    permission: 'account.own',
    // A new VPN session begins with all factors, never by a click alone.
    handle({ form, session }) {
      session.end();
      return redirect(`/login?return_to=${encodeURIComponent(localPath(form.get('returnTo')))}`);
    },
  },
];
