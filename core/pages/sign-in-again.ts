import { localPath, type Route, redirect } from '../http/route.ts';

/** Leads through a fresh sign-in and back: a new VPN session begins with all factors, never by a click alone. */
export const signInAgain: Route = {
  method: 'POST',
  path: '/account/sign-in-again',
  permission: 'account.own',
  handle({ form, session }) {
    session.end();
    return redirect(`/login?return_to=${encodeURIComponent(localPath(form.get('returnTo')))}`);
  },
};
