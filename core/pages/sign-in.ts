import type { SignIn } from '../accounts/sign-in.ts';
import { TooManyRequests, Unauthenticated } from '../errors.ts';
import type { EventBus } from '../events/bus.ts';
import { field } from '../http/fields.ts';
import { localPath, type Reply, type Route, redirect, view } from '../http/route.ts';
import type { AfterSignOut, SignInMethod } from '../plugin/contract.ts';
import { en } from '../text/en.ts';

interface SignInPageParts {
  readonly signIn: SignIn;
  /** What plugins offer beside the password. */
  readonly offeredMethods: () => Promise<readonly SignInMethod[]>;
  readonly isLocalAllowed: () => Promise<boolean>;
  /** Where providers want to be told that somebody has signed out. */
  readonly afterSignOut: AfterSignOut;
  readonly events: Pick<EventBus, 'emit'>;
}

export function signInPages({ signIn, offeredMethods, isLocalAllowed, afterSignOut, events }: SignInPageParts): readonly Route[] {
  async function form(email: string, returnTo: string, problem: string | null = null, status = 200): Promise<Reply> {
    const state = { values: { email }, errors: {} };
    const fields = [
      field(state, 'email', en.signIn.email, { kind: 'email', isRequired: true, autocomplete: 'username' }),
      field(state, 'password', en.signIn.password, { kind: 'password', isRequired: true, autocomplete: 'current-password' }),
    ];
    const methods = await offeredMethods();
    return view('core/login', { title: en.signIn.title, fields, problem, returnTo, methods, isLocalAllowed: await isLocalAllowed() }, status);
  }

  return [
    {
      method: 'GET',
      path: '/login',
      permission: 'public',
      handle: ({ actor, query }) => (actor.role === 'nobody' ? form('', localPath(query.get('return_to'))) : redirect('/')),
    },
    {
      method: 'POST',
      path: '/login',
      permission: 'public',
      async handle({ form: given, ip, session }) {
        const email = given.get('email') ?? '';
        const returnTo = localPath(given.get('returnTo'));
        try {
          return redirect(await signIn.withPassword({ ip, session, returnTo }, email, given.get('password') ?? ''));
        } catch (error) {
          if (error instanceof Unauthenticated || error instanceof TooManyRequests) return form(email, returnTo, error.message, error.status);
          throw error;
        }
      },
    },
    {
      method: 'POST',
      path: '/logout',
      permission: 'public',
      async handle({ session }) {
        const was = session.data;
        session.end();
        // Live streams of this person end too; those of other browsers come back.
        if (was.userId !== undefined) events.emit('session.ended', { userId: was.userId });
        return redirect((await afterSignOut(was)) ?? '/login');
      },
    },
  ];
}
