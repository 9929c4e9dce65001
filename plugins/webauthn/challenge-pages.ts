import { type Host, type PageRequest, type Reply, type Route, redirect, TooManyRequests, Unauthenticated, view } from '#core';
import { assertionOptions } from './ceremonies.ts';
import { issueChallenge, takeAnswer } from './challenges.ts';
import type { Credentials } from './credentials.ts';
import { whyImpossible } from './relying-party.ts';
import { text } from './text.ts';

const HELD = 'webauthn.confirm';

/** Completing a sign-in that waits, with any of the person's keys. */
export function challengePages({ signIn }: Pick<Host, 'signIn'>, credentials: Credentials, path: string): readonly Route[] {
  async function show(request: PageRequest, problem: string | null = null, status = 200): Promise<Reply> {
    const { userId } = signIn.pendingOf(request.session.data);
    const page = { title: text.challenge.title, text: text.challenge, action: path, back: '/mfa', problem };
    const impossible = whyImpossible(request.origin);
    if (impossible !== null) return view('webauthn/sign', { ...page, impossible });
    const ceremony = await issueChallenge(request, HELD, await assertionOptions(request.origin, await credentials.of(userId)));
    return view('webauthn/sign', { ...page, impossible: null, ceremony }, status);
  }

  return [
    {
      method: 'GET',
      path,
      permission: 'public',
      handle: (request) => (request.session.data.pending === undefined ? redirect('/') : show(request)),
    },
    {
      method: 'POST',
      path,
      permission: 'public',
      async handle(request) {
        const { userId } = signIn.pendingOf(request.session.data);
        try {
          await signIn.attempt(userId, request.ip);
          await credentials.confirm(userId, await takeAnswer(request, HELD));
        } catch (error) {
          if (error instanceof Unauthenticated || error instanceof TooManyRequests) return show(request, error.message, error.status);
          throw error;
        }
        return redirect(await signIn.satisfy(request));
      },
    },
  ];
}
