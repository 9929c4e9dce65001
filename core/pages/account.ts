import { profile, saveProfile } from '../accounts/profile.ts';
import { type User, userById } from '../accounts/store.ts';
import type { Users } from '../accounts/users.ts';
import type { Db } from '../db/open.ts';
import { NotFound } from '../errors.ts';
import { type FormState, field, otherErrors } from '../http/fields.ts';
import { orShowAgain, readForm } from '../http/forms.ts';
import { type PageRequest, type Reply, type Route, redirect, view } from '../http/route.ts';
import type { Panel } from '../plugin/contract.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';
import { showPanels } from './panels.ts';
import { type SignInCardParts, signInCards } from './sign-in-cards.ts';

interface AccountPageParts extends SignInCardParts {
  readonly db: Db;
  readonly users: Users;
  readonly clock: Clock;
  readonly panels: () => readonly Panel<User>[];
}

const text = en.account;
const THEMES = (['auto', 'light', 'dark'] as const).map((value) => ({ value, label: text.themes[value] }));

export function accountPages(parts: AccountPageParts): readonly Route[] {
  const { db, users, clock, panels } = parts;

  async function show(request: PageRequest, state: FormState): Promise<Reply> {
    const user = await userById(db, request.actor.userId ?? '');
    if (user === null) throw new NotFound(en.users.unknown);
    const passwordFields = [
      field(state, 'currentPassword', text.currentPassword, { kind: 'password', isRequired: true, autocomplete: 'current-password' }),
      field(state, 'newPassword', text.newPassword, { kind: 'password', isRequired: true, help: text.newPasswordHelp, autocomplete: 'new-password' }),
    ];
    const appearance = field({ values: user, errors: {} }, 'theme', text.theme, { kind: 'choice', choices: THEMES });
    const { cards } = await signInCards(parts, user.id, { root: '/account', isOwn: true, sessionHash: request.session.hash });
    return view('core/account', {
      title: text.title,
      user,
      appearance,
      passwordFields,
      problems: otherErrors(state.errors, passwordFields),
      panels: [...cards, ...(await showPanels(panels(), request, user))],
    });
  }

  return [
    { method: 'GET', path: '/account', permission: 'account.own', handle: (request) => show(request, { values: {}, errors: {} }) },
    {
      method: 'POST',
      path: '/account/password',
      permission: 'account.own',
      handle(request) {
        const { actor, form, session } = request;
        const input = { currentPassword: form.get('currentPassword') ?? '', newPassword: form.get('newPassword') ?? '' };
        return orShowAgain(
          async () => {
            await users.changePassword(actor, input, session.hash);
            session.flash('success', text.passwordChanged);
            return redirect('/account');
          },
          (errors) => show(request, { values: {}, errors }),
        );
      },
    },
    {
      method: 'POST',
      path: '/account/theme',
      permission: 'account.own',
      async handle({ actor, form, session }) {
        await saveProfile(db, clock, actor, readForm(profile, form));
        session.flash('success', text.themeSaved);
        return redirect('/account');
      },
    },
  ];
}
