import {
  type Actor,
  Conflict,
  field,
  type Host,
  InvalidInput,
  type PageRequest,
  type Reply,
  type Route,
  readForm,
  redirect,
  Unauthenticated,
  view,
} from '#core';
import { registrationOptions } from './ceremonies.ts';
import { issueChallenge, takeAnswer } from './challenges.ts';
import { type Credentials, newCredential } from './credentials.ts';
import { whyImpossible } from './relying-party.ts';
import { text } from './text.ts';

type FormState = Parameters<typeof field>[0];

const HELD = 'webauthn.enrol';

/** Adding a key: for whoever is signed in, and for one whose sign-in waits because a second factor is required. */
export function enrolPages({ signIn }: Pick<Host, 'signIn'>, credentials: Credentials, path: string): readonly Route[] {
  async function show(request: PageRequest, actor: Actor, state: FormState, problem: string | null = null, status = 200): Promise<Reply> {
    const page = { title: text.enrol.title, text: text.enrol, action: path, problem };
    const impossible = whyImpossible(request.origin);
    if (impossible !== null) return view('webauthn/enrol', { ...page, impossible });
    const present = actor.userId === null ? [] : await credentials.of(actor.userId);
    const values = { name: present.length === 0 ? text.enrol.firstName : '', ...state.values };
    const name = field({ values, errors: state.errors }, 'name', text.enrol.name, { help: text.enrol.nameHelp, isRequired: true });
    const ceremony = await issueChallenge(request, HELD, await registrationOptions(request.origin, actor, present));
    return view('webauthn/enrol', { ...page, impossible: null, ceremony, name }, status);
  }

  return [
    {
      method: 'GET',
      path,
      permission: 'public',
      handle: async (request) => show(request, await signIn.enrolling(request), { values: {}, errors: {} }),
    },
    {
      method: 'POST',
      path,
      permission: 'public',
      async handle(request) {
        const actor = await signIn.enrolling(request);
        const input = readForm(newCredential, request.form);
        try {
          const name = await credentials.add(actor, input, await takeAnswer(request, HELD));
          const next = await signIn.enrolled(request);
          request.session.flash('success', text.enrol.added(name));
          return redirect(next);
        } catch (error) {
          if (error instanceof InvalidInput) return show(request, actor, { values: input, errors: error.fields }, null, error.status);
          if (error instanceof Unauthenticated || error instanceof Conflict)
            return show(request, actor, { values: input, errors: {} }, error.message, error.status);
          throw error;
        }
      },
    },
  ];
}
