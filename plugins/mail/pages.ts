import { Conflict, field, orShowAgain, type PageRequest, type Reply, type Route, redirect, Unavailable, view } from '#core';
import type { BoxMailer } from './mailer.ts';
import { text } from './text.ts';

const { path } = text.settings.link;
const SETTINGS = '/admin/settings/mail';

/** Where the mail server is tried, and says what it does not like. */
export function testPages(mailer: BoxMailer): readonly Route[] {
  function form(state: Parameters<typeof field>[0], problem: string | null = null, status = 200): Reply {
    const fields = [field(state, 'to', text.test.to, { kind: 'email', isRequired: true, autocomplete: 'email' })];
    return view('mail/test', { title: text.test.title, text: text.test, fields, problem, action: path, back: SETTINGS }, status);
  }

  return [
    {
      method: 'GET',
      path,
      permission: 'settings.manage',
      handle: ({ actor }) => form({ values: { to: actor.name }, errors: {} }),
    },
    {
      method: 'POST',
      path,
      permission: 'settings.manage',
      handle({ actor, form: given, session }: PageRequest) {
        const values = { to: given.get('to') ?? '' };
        return orShowAgain(
          async () => {
            try {
              const { to } = await mailer.test(actor, values);
              session.flash('success', text.test.sent(to));
              return redirect(SETTINGS);
            } catch (error) {
              if (error instanceof Unavailable || error instanceof Conflict) return form({ values, errors: {} }, error.message, error.status);
              throw error;
            }
          },
          (errors) => form({ values, errors }),
        );
      },
    },
  ];
}
