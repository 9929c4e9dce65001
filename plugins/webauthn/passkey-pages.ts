import { type Host, localPath, type PageRequest, type Reply, type Route, redirect, Unauthenticated, view } from '#core';
import { assertionOptions } from './ceremonies.ts';
import { issueChallenge, takeAnswer } from './challenges.ts';
import type { Credentials } from './credentials.ts';
import { whyImpossible } from './relying-party.ts';
import { text } from './text.ts';

export const METHOD = 'passkey';

const HELD = 'webauthn.passkey';

/** Signing in with nothing but a passkey: it says whose it is, and has asked its owner for a finger, a face or a PIN. */
export function passkeyPages({ signIn }: Pick<Host, 'signIn'>, credentials: Credentials, path: string): readonly Route[] {
  // Nobody has said who they are yet, so what counts is the address.
  const visitor = ({ ip }: PageRequest) => [`passkey ${ip}`, ip] as const;

  async function show(request: PageRequest, returnTo: string, problem: string | null = null, status = 200): Promise<Reply> {
    const page = { title: text.signIn.title, text: text.signIn, action: path, back: '/login', problem };
    const impossible = whyImpossible(request.origin);
    if (impossible !== null) return view('webauthn/sign', { ...page, impossible });
    // A challenge costs a row in the database.
    await signIn.attempt(...visitor(request));
    const ceremony = await issueChallenge(request, HELD, await assertionOptions(request.origin, 'any'), returnTo);
    return view('webauthn/sign', { ...page, impossible: null, ceremony }, status);
  }

  return [
    {
      method: 'GET',
      path,
      permission: 'public',
      handle: (request) => (request.actor.role === 'nobody' ? show(request, localPath(request.query.get('return_to'))) : redirect('/')),
    },
    {
      method: 'POST',
      path,
      permission: 'public',
      async handle(request) {
        let returnTo = '/';
        try {
          const answer = await takeAnswer(request, HELD);
          returnTo = localPath(answer.returnTo);
          const userId = await credentials.identify(answer);
          const next = await signIn.prove({ ...request, returnTo }, userId, METHOD, 'all-factors');
          await signIn.succeeded(...visitor(request));
          return redirect(next);
        } catch (error) {
          if (error instanceof Unauthenticated) return show(request, returnTo, error.message, error.status);
          throw error;
        }
      },
    },
  ];
}
