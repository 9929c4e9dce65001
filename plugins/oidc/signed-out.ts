import { type AfterSignOut, type Host, type Route, redirect, type Secrets, type UserId, view } from '#core';
import type { Connections } from './connections.ts';
import { methodOf, providerById } from './store.ts';
import { text } from './text.ts';

interface SignedOutParts extends Pick<Host, 'db' | 'clock' | 'secrets'> {
  readonly connections: Connections;
}

/** Whoever has signed out, for as long as the page with the link is good for. */
interface Ticket {
  readonly userId: UserId;
  readonly untilMs: number;
}

const VALID_FOR_MS = 5 * 60_000;

/** Leads to the page below whoever came through a provider that people can sign out of. The provider is not asked. */
export function afterSignOut({ clock, secrets, connections }: SignedOutParts): AfterSignOut {
  return async ({ userId, method }) => {
    const id = method?.startsWith(methodOf('')) ? method.slice(methodOf('').length) : null;
    if (id === null || userId === undefined || !(await connections.canSignOutThere(userId, id))) return null;
    const ticket: Ticket = { userId, untilMs: clock.now().getTime() + VALID_FOR_MS };
    return `/auth/oidc/${id}/signed-out?ticket=${secrets.seal(JSON.stringify(ticket))}`;
  };
}

/** A link to the provider, as the browser refuses to follow our own sign-out form to another site. */
export function signedOutPages({ db, clock, secrets, connections }: SignedOutParts): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/auth/oidc/:id/signed-out',
      permission: 'public',
      async handle({ actor, params, query, origin }) {
        const provider = await providerById(db, params['id'] ?? '');
        if (provider === null || actor.role !== 'nobody') return redirect('/');
        const ticket = readTicket(secrets, query.get('ticket') ?? '');
        const isValid = ticket !== null && ticket.untilMs > clock.now().getTime();
        const there = isValid ? await connections.signOutThere(ticket.userId, provider, `${origin}/login`) : null;
        return view('oidc/signed-out', { title: text.signedOut.title, text: text.signedOut, label: provider.label, there: there?.href ?? null });
      },
    },
  ];
}

function readTicket(secrets: Secrets, sealed: string): Ticket | null {
  try {
    const ticket: unknown = JSON.parse(secrets.open(sealed as ReturnType<Secrets['seal']>));
    return typeof ticket === 'object' && ticket !== null && 'untilMs' in ticket && 'userId' in ticket ? (ticket as Ticket) : null;
  } catch {
    // Not one of ours: the page then has no link.
    return null;
  }
}
