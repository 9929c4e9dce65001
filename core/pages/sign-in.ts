import type { SignIn } from '../accounts/sign-in.ts';
import { TooManyRequests, Unauthenticated } from '../errors.ts';
import { field } from '../http/fields.ts';
import { localPath, type Reply, type Route, redirect, view } from '../http/route.ts';
import type { SignInMethod } from '../plugin/contract.ts';
import { en } from '../text/en.ts';

interface SignInPageParts {
  readonly signIn: SignIn;
  /** What plugins offer beside the password. */
  readonly methods: () => readonly SignInMethod[];
}

export function signInPages({ signIn, methods }: SignInPageParts): readonly Route[] {
  function form(email: string, returnTo: string, problem: string | null = null, status = 200): Reply {
    const state = { values: { email }, errors: {} };
    const fields = [
      field(state, 'email', en.signIn.email, { kind: 'email', isRequired: true, autocomplete: 'username' }),
      field(state, 'password', en.signIn.password, { kind: 'password', isRequired: true, autocomplete: 'current-password' }),
    ];
    return view('core/login', { title: en.signIn.title, fields, problem, returnTo, methods: methods() }, status);
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
          const step = await signIn.withPassword({ ip, begin: session.begin }, email, given.get('password') ?? '');
          return redirect(step === 'complete' ? returnTo : '/mfa');
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
      handle({ session }) {
        session.end();
        return redirect('/login');
      },
    },
  ];
}
