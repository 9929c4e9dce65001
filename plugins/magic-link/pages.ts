import { z } from 'zod';
import {
  email,
  field,
  type Host,
  InvalidInput,
  localPath,
  mailerSlot,
  messageOf,
  type PageRequest,
  parse,
  type Reply,
  type Route,
  redirect,
  TooManyRequests,
  Unauthenticated,
  view,
} from '#core';
import type { Links } from './links.ts';
import { text } from './text.ts';

export const METHOD = 'magic-link';
export const PATH = '/login/link';

const EMPTY = { values: {}, errors: {} };
const wish = z.strictObject({ email });

export function linkPages({ signIn, clock, log, all }: Host, links: Links): readonly Route[] {
  const isOffered = async () => (await all(mailerSlot)[0]?.isReady()) === true;

  function form(returnTo: string, state: Parameters<typeof field>[0] = EMPTY, problem: string | null = null, status = 200): Reply {
    const fields = [field(state, 'email', text.ask.email, { kind: 'email', isRequired: true, autocomplete: 'username' })];
    const otherWay = returnTo === '/' ? '/login' : `/login?return_to=${encodeURIComponent(returnTo)}`;
    return view('magic-link/ask', { title: text.ask.title, text: text.ask, fields, problem, returnTo, action: PATH, otherWay }, status);
  }

  const gone = () => view('magic-link/gone', { title: text.gone.title, text: text.gone, again: PATH }, 410);

  /** After the answer: it must not tell, by how long it takes, whether there is such an account. */
  function sendLater(wish: Parameters<Links['send']>[0]): void {
    clock.after(0, () => void links.send(wish).catch((error: unknown) => log.warn({ error: messageOf(error) }, 'sign-in link not sent')));
  }

  async function ask({ form: given, ip, actor, origin }: PageRequest): Promise<Reply> {
    const returnTo = localPath(given.get('returnTo'));
    const values = { email: given.get('email') ?? '' };
    try {
      const { email } = parse(wish, values);
      await signIn.attempt(`${METHOD}:${email}`, ip);
      sendLater({ email, returnTo, origin, actor });
      return view('magic-link/sent', { title: text.sent.title, text: text.sent, email, again: PATH });
    } catch (error) {
      if (error instanceof InvalidInput) return form(returnTo, { values, errors: error.fields }, null, error.status);
      if (error instanceof TooManyRequests) return form(returnTo, { values, errors: {} }, error.message, error.status);
      throw error;
    }
  }

  return [
    {
      method: 'GET',
      path: PATH,
      permission: 'public',
      async handle({ actor, query }) {
        if (actor.role !== 'nobody') return redirect('/');
        return (await isOffered()) ? form(localPath(query.get('return_to'))) : redirect('/login');
      },
    },
    {
      method: 'POST',
      path: PATH,
      permission: 'public',
      handle: async (request) => ((await isOffered()) ? ask(request) : redirect('/login')),
    },
    {
      // Programs that look through mail open links: this changes nothing.
      method: 'GET',
      path: `${PATH}/:token`,
      permission: 'public',
      async handle({ params }) {
        const token = params['token'] ?? '';
        const user = await links.find(token);
        return user === null ? gone() : view('magic-link/open', { title: text.open.title, text: text.open, email: user.email, token, action: `${PATH}/use` });
      },
    },
    {
      // The token comes in the form: the path of a request that fails stands in the log.
      method: 'POST',
      path: `${PATH}/use`,
      permission: 'public',
      async handle({ form: given, ip, session }) {
        const taken = await links.take(given.get('token') ?? '');
        if (taken === null) return gone();
        try {
          return redirect(await signIn.prove({ ip, session, returnTo: taken.returnTo }, taken.userId, METHOD));
        } catch (error) {
          if (error instanceof Unauthenticated) return gone();
          throw error;
        }
      },
    },
  ];
}
