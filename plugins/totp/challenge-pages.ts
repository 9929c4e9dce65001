import { field, type Host, type Reply, type Route, redirect, TooManyRequests, Unauthenticated, view } from '#core';
import type { Methods } from './methods.ts';
import { text } from './text.ts';

/** Completing a sign-in that waits, with the code of any of the person's apps. */
export function challengePages({ signIn }: Pick<Host, 'signIn'>, methods: Methods, path: string): readonly Route[] {
  function form(problem: string | null = null, status = 200): Reply {
    const code = field({ values: {}, errors: {} }, 'code', text.challenge.code);
    return view('totp/challenge', { title: text.challenge.title, text: text.challenge, action: path, code, problem }, status);
  }

  return [
    {
      method: 'GET',
      path,
      permission: 'public',
      handle({ session }) {
        if (session.data.pending === undefined) return redirect('/');
        signIn.pendingOf(session.data);
        return form();
      },
    },
    {
      method: 'POST',
      path,
      permission: 'public',
      async handle(request) {
        const { userId } = signIn.pendingOf(request.session.data);
        try {
          await signIn.attempt(userId, request.ip);
          if (!(await methods.confirm(userId, request.form.get('code') ?? ''))) throw new Unauthenticated(text.challenge.wrong);
        } catch (error) {
          if (error instanceof Unauthenticated || error instanceof TooManyRequests) return form(error.message, error.status);
          throw error;
        }
        return redirect(await signIn.satisfy(request));
      },
    },
  ];
}
