import type { Belongings } from '../accounts/belongings.ts';
import { requireFreshProof } from '../accounts/fresh-proof.ts';
import { type User, userById, usersByIds } from '../accounts/store.ts';
import { newUser, type Users, userChanges } from '../accounts/users.ts';
import type { Db } from '../db/open.ts';
import { countDevices } from '../devices/store.ts';
import { NotFound } from '../errors.ts';
import { type FormState, field, otherErrors } from '../http/fields.ts';
import { orShowAgain, readForm } from '../http/forms.ts';
import { type PageRequest, type Reply, type Route, redirect, view } from '../http/route.ts';
import type { Panel } from '../plugin/contract.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';
import { showPanels } from './panels.ts';
import { type SignInCardParts, signInCards } from './sign-in-cards.ts';
import { userListPages } from './user-list.ts';

interface UserPageParts extends SignInCardParts {
  readonly db: Db;
  readonly users: Users;
  readonly clock: Clock;
  readonly userPanels: () => readonly Panel<User>[];
  readonly belongings: () => readonly Belongings[];
}

const text = en.users;
const ROLES = (['unprivileged', 'admin'] as const).map((value) => ({ value, label: text.roles[value] }));
const ROOT = '/admin/users';

export function userPages(parts: UserPageParts): readonly Route[] {
  const { db, users, factors, identities, sessions } = parts;

  /** `3 devices, 2 rules and 1 API token`: what plugins keep for them is named by the plugins. */
  async function belongingsOf(userIds: readonly string[]): Promise<string> {
    const devices = (await usersByIds(db, userIds)).reduce((sum, { deviceCount }) => sum + deviceCount, 0);
    const others = await Promise.all(parts.belongings().map(async ({ count, name }) => ({ name, total: await count(userIds) })));
    return en.common.list([text.deviceCount(devices), ...others.filter(({ total }) => total > 0).map(({ name, total }) => name(total))]);
  }

  async function existing({ params }: PageRequest): Promise<User> {
    const user = await userById(db, params['id'] ?? '');
    if (user === null) throw new NotFound(text.unknown);
    return user;
  }

  async function show(request: PageRequest, user: User, state: FormState): Promise<Reply> {
    const fields = userFields(state, text.newPassword, text.passwordKeep);
    const viewer = { root: `${ROOT}/${user.id}`, isOwn: false, sessionHash: request.session.hash };
    const { cards, methodCount } = await signInCards(parts, user.id, viewer);
    return view('core/users/show', {
      title: user.email,
      user,
      deviceCount: await countDevices(db, user.id),
      fields,
      problems: otherErrors(state.errors, fields),
      panels: [...cards, ...(await showPanels(parts.userPanels(), request, user))],
      hasFactors: methodCount > 0,
    });
  }

  const namesOfFactors = async ({ id }: User) => (await factors.of(id)).flatMap(({ methods }) => methods.map(({ name }) => name)).join(', ');

  /** A question that names what will go, and the act behind it. */
  const asked = (
    name: string,
    label: string,
    ask: (user: User, devices: number) => string | Promise<string>,
    act: (request: PageRequest, user: User) => Promise<Reply>,
    more: Pick<Route, 'needsFreshProof'> = {},
  ): readonly Route[] => [
    {
      ...more,
      method: 'GET',
      path: `${ROOT}/:id/${name}`,
      permission: 'users.manage',
      async handle(request) {
        const user = await existing(request);
        const question = await ask(user, await countDevices(db, user.id));
        return view('core/confirm', { title: label, question, label, action: `${ROOT}/${user.id}/${name}`, back: `${ROOT}/${user.id}`, makesKey: false });
      },
    },
    { ...more, method: 'POST', path: `${ROOT}/:id/${name}`, permission: 'users.manage', handle: async (request) => act(request, await existing(request)) },
  ];

  const saved = ({ session }: PageRequest, user: User): Reply => {
    session.flash('success', text.saved(user.email));
    return redirect(`${ROOT}/${user.id}`);
  };

  return [
    ...userListPages({ ...parts, belongingsOf }),
    { method: 'GET', path: `${ROOT}/new`, permission: 'users.manage', handle: () => newForm({ values: { role: 'unprivileged' }, errors: {} }) },
    {
      method: 'POST',
      path: ROOT,
      permission: 'users.manage',
      handle({ actor, form, session }) {
        const input = readForm(newUser, form);
        return orShowAgain(
          async () => {
            const user = await users.create(actor, input);
            session.flash('success', text.created(user.email));
            return redirect(`${ROOT}/${user.id}`);
          },
          (errors) => newForm({ values: input, errors }),
        );
      },
    },
    {
      method: 'GET',
      path: `${ROOT}/:id`,
      permission: 'users.manage',
      handle: async (request) => existing(request).then((user) => show(request, user, { values: user, errors: {} })),
    },
    {
      method: 'POST',
      path: `${ROOT}/:id`,
      permission: 'users.manage',
      async handle(request) {
        const user = await existing(request);
        // One's own email and password are ways to sign in.
        if (user.id === request.actor.userId) requireFreshProof(request.session.data, parts.clock.now());
        const { password, ...input } = readForm(userChanges, request.form);
        return orShowAgain(
          async () => saved(request, await users.update(request.actor, user.id, password ? { ...input, password } : input)),
          (errors) => show(request, user, { values: { ...user, ...input }, errors }),
        );
      },
    },
    ...asked(
      'disable',
      text.disable,
      ({ email }, devices) => text.disableAsk(email, devices),
      async (request, user) => saved(request, await users.disable(request.actor, user.id)),
    ),
    ...asked(
      'vpn-end',
      text.endVpn,
      ({ email }) => text.endVpnAsk(email),
      async (request, user) => saved(request, await users.endVpnSession(request.actor, user.id)),
    ),
    ...asked(
      'delete',
      en.common.delete,
      async ({ id, email }) => text.deleteAsk(email, await belongingsOf([id])),
      async ({ actor, session }, user) => {
        await users.remove(actor, user.id);
        session.flash('success', text.deleted(user.email));
        return redirect(ROOT);
      },
    ),
    ...asked(
      'factors-reset',
      en.factors.reset,
      async (user) => en.factors.resetAsk(user.email, await namesOfFactors(user)),
      async ({ actor, session }, user) => {
        await factors.reset(actor, user.id);
        session.flash('success', en.factors.resetDone(user.email));
        return redirect(`${ROOT}/${user.id}`);
      },
      { needsFreshProof: true },
    ),
    {
      method: 'POST',
      path: `${ROOT}/:id/sessions/:session/end`,
      permission: 'users.manage',
      async handle({ actor, params, session }) {
        const { userId } = await sessions.end(actor, params['session'] ?? '');
        session.flash('success', en.sessions.ended);
        return redirect(`${ROOT}/${userId}`);
      },
    },
    {
      method: 'GET',
      path: `${ROOT}/:id/identities/:identity/remove`,
      permission: 'users.manage',
      async handle(request) {
        const user = await existing(request);
        const { provider } = await identities.get(request.actor, request.params['identity'] ?? '');
        const question = en.identities.removeAsk(provider, user.email);
        return view('core/confirm', {
          title: en.identities.remove,
          question,
          label: en.identities.remove,
          action: request.url,
          back: `${ROOT}/${user.id}`,
          makesKey: false,
        });
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/:id/identities/:identity/remove`,
      permission: 'users.manage',
      async handle({ actor, params, session }) {
        const { provider, userId } = await identities.remove(actor, params['identity'] ?? '');
        session.flash('success', en.identities.removed(provider));
        return redirect(`${ROOT}/${userId}`);
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/:id/enable`,
      permission: 'users.manage',
      handle: async (request) => saved(request, await users.enable(request.actor, request.params['id'] ?? '')),
    },
  ];
}

function newForm(state: FormState): Reply {
  const fields = userFields(state, text.password, text.passwordHelp);
  return view('core/users/new', { title: text.create, fields, problems: otherErrors(state.errors, fields) });
}

function userFields(state: FormState, passwordLabel: string, passwordHelp: string) {
  return [
    field(state, 'email', text.email, { kind: 'email', isRequired: true }),
    field(state, 'role', text.role, { kind: 'choice', choices: ROLES }),
    field(state, 'password', passwordLabel, { kind: 'password', help: passwordHelp, autocomplete: 'new-password' }),
  ];
}
