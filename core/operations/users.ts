import { z } from 'zod';
import type { Actor } from '../accounts/permissions.ts';
import { profile, saveProfile } from '../accounts/profile.ts';
import { listUsers, USER_SORTS, type User, type UserQuery, userById } from '../accounts/store.ts';
import { newUser, passwordChange, type Users, userChanges } from '../accounts/users.ts';
import type { Db } from '../db/open.ts';
import { NotFound } from '../errors.ts';
import type { Operation } from '../plugin/contract.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';
import { userAnswer } from './answers.ts';
import { paging, sortBy } from './query.ts';

interface UserOperationParts {
  readonly db: Db;
  readonly users: Users;
  readonly clock: Clock;
}

export function userOperations({ db, users, clock }: UserOperationParts): readonly Operation[] {
  const shared = { tag: 'Users', permission: 'users.manage', answer: userAnswer } as const;
  const own = { tag: 'Account', permission: 'account.own' } as const;

  async function existing(id: string | null | undefined): Promise<User> {
    const user = await userById(db, id ?? '');
    if (user === null) throw new NotFound(en.users.unknown);
    return user;
  }

  const act = (id: string, verb: string, summary: string, run: (actor: Actor, id: string) => Promise<User>): Operation => ({
    ...shared,
    id,
    method: 'POST',
    path: `/users/:id/${verb}`,
    summary,
    handle: async ({ actor, params }) => ({ body: showUser(await run(actor, params['id'] ?? '')) }),
  });

  return [
    {
      ...shared,
      id: 'list-users',
      method: 'GET',
      path: '/users',
      summary: 'List users',
      query: z.strictObject({
        ...paging,
        sort: sortBy(USER_SORTS),
        role: newUser.shape.role.unwrap().optional(),
        status: z.enum(['enabled', 'disabled']).optional(),
      }),
      isList: true,
      async handle({ query }) {
        const { items, total, next } = await listUsers(db, query as unknown as UserQuery);
        return { body: items.map(({ deviceCount: _count, ...user }) => showUser(user)), total, next };
      },
    },
    {
      ...shared,
      id: 'create-user',
      method: 'POST',
      path: '/users',
      summary: 'Create a user',
      body: newUser,
      status: 201,
      handle: async ({ actor, body }) => ({ body: showUser(await users.create(actor, body)) }),
    },
    {
      ...shared,
      id: 'get-user',
      method: 'GET',
      path: '/users/:id',
      summary: 'One user',
      handle: async ({ params }) => ({ body: showUser(await existing(params['id'])) }),
    },
    {
      ...shared,
      id: 'update-user',
      method: 'PATCH',
      path: '/users/:id',
      summary: 'Change a user',
      body: userChanges,
      handle: async ({ actor, params, body }) => ({ body: showUser(await users.update(actor, params['id'] ?? '', body)) }),
    },
    {
      tag: shared.tag,
      permission: shared.permission,
      id: 'delete-user',
      method: 'DELETE',
      path: '/users/:id',
      summary: 'Delete a user with everything of theirs',
      status: 204,
      handle: ({ actor, params }) => users.remove(actor, params['id'] ?? '').then(() => ({})),
    },
    act('disable-user', 'disable', 'Disable a user', users.disable),
    act('enable-user', 'enable', 'Enable a user', users.enable),
    act('end-vpn-session', 'vpn-end', 'End a VPN session', users.endVpnSession),
    {
      ...own,
      id: 'get-account',
      method: 'GET',
      path: '/account',
      summary: 'Who the token speaks for',
      answer: userAnswer,
      handle: async ({ actor }) => ({ body: showUser(await existing(actor.userId)) }),
    },
    {
      ...own,
      id: 'update-account',
      method: 'PATCH',
      path: '/account',
      summary: 'Change how pages look',
      body: profile,
      answer: userAnswer,
      async handle({ actor, body }) {
        await saveProfile(db, clock, actor, body);
        return { body: showUser(await existing(actor.userId)) };
      },
    },
    {
      ...own,
      id: 'change-password',
      method: 'POST',
      path: '/account/password',
      summary: 'Change the password; every session ends',
      body: passwordChange,
      status: 204,
      handle: ({ actor, body }) => users.changePassword(actor, body, null).then(() => ({})),
    },
  ];
}

function showUser({ passwordHash, ...user }: User): object {
  return { ...user, hasPassword: passwordHash !== null };
}
