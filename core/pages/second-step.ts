import type { Factors } from '../accounts/factors.ts';
import type { RecoveryCodes } from '../accounts/recovery-codes.ts';
import { isPossible, type SignIn } from '../accounts/sign-in.ts';
import { TooManyRequests, Unauthenticated } from '../errors.ts';
import { field } from '../http/fields.ts';
import { type Reply, type Route, redirect, view } from '../http/route.ts';
import { en } from '../text/en.ts';

interface SecondStepPageParts {
  readonly signIn: SignIn;
  readonly factors: Factors;
  readonly recoveryCodes: RecoveryCodes;
}

/** Between the first factor and the session: which second factor to confirm with, or to add when one is required. */
export function secondStepPages({ signIn, factors, recoveryCodes }: SecondStepPageParts): readonly Route[] {
  function recoveryForm(problem: string | null = null, status = 200): Reply {
    const code = field({ values: {}, errors: {} }, 'code', en.signIn.recoveryField, { isRequired: true, autocomplete: 'one-time-code' });
    return view('core/recovery', { title: en.signIn.recoveryTitle, code, problem }, status);
  }

  return [
    {
      method: 'GET',
      path: '/mfa',
      permission: 'public',
      async handle({ session }) {
        if (session.data.pending === undefined) return redirect('/');
        const { userId, mustEnrol } = signIn.pendingOf(session.data);
        const lists = await factors.of(userId);
        if (mustEnrol) {
          const possible = lists.map(({ factor }) => factor).filter(isPossible);
          return view('core/mfa', { title: en.signIn.enrolTitle, mustEnrol: true, factors: possible, hasRecovery: false });
        }
        const enrolled = lists.filter(({ methods }) => methods.length > 0).map(({ factor }) => factor);
        const hasRecovery = (await recoveryCodes.left(userId)) > 0;
        return view('core/mfa', { title: en.signIn.mfaTitle, mustEnrol: false, factors: enrolled, hasRecovery });
      },
    },
    {
      method: 'GET',
      path: '/mfa/recovery',
      permission: 'public',
      handle({ session }) {
        signIn.pendingOf(session.data);
        return recoveryForm();
      },
    },
    {
      method: 'POST',
      path: '/mfa/recovery',
      permission: 'public',
      async handle({ form, ip, session }) {
        const { userId } = signIn.pendingOf(session.data);
        try {
          await signIn.attempt(userId, ip);
          if (!(await recoveryCodes.use(userId, form.get('code') ?? ''))) throw new Unauthenticated(en.signIn.recoveryWrong);
        } catch (error) {
          if (error instanceof Unauthenticated || error instanceof TooManyRequests) return recoveryForm(error.message, error.status);
          throw error;
        }
        const next = await signIn.satisfy({ ip, session });
        session.flash('warning', en.signIn.recoveryUsed(await recoveryCodes.left(userId)));
        return redirect(next);
      },
    },
  ];
}
