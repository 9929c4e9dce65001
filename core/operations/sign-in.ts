import type { Factors } from '../accounts/factors.ts';
import type { Identities } from '../accounts/identities.ts';
import type { Actor } from '../accounts/permissions.ts';
import type { RecoveryCodes } from '../accounts/recovery-codes.ts';
import type { Sessions } from '../accounts/sessions.ts';
import { userById } from '../accounts/store.ts';
import type { Db } from '../db/open.ts';
import { NotFound } from '../errors.ts';
import type { UserId } from '../net/inputs.ts';
import type { Operation, OperationCall } from '../plugin/contract.ts';
import { en } from '../text/en.ts';
import { codesAnswer, codesLeftAnswer, factorAnswer, identityAnswer, sessionAnswer } from './answers.ts';

interface SignInOperationParts {
  readonly db: Db;
  readonly sessions: Sessions;
  readonly identities: Identities;
  readonly factors: Factors;
  readonly recoveryCodes: RecoveryCodes;
}

/** Whose sign-in it is: one's own below `/account`, somebody's below `/users/:id` for administrators. */
interface Door extends Pick<Operation, 'tag' | 'permission'> {
  readonly root: string;
  /** Before the ids of operations: `list-` + `user-` + `sessions`. */
  readonly prefix: string;
  readonly whose: string;
  userOf(call: OperationCall): Promise<UserId>;
}

/** What hangs on a sign-in: browser sessions, identities at providers, second factors, recovery codes. */
export function signInOperations(parts: SignInOperationParts): readonly Operation[] {
  const own: Door = {
    tag: 'Account',
    permission: 'account.own',
    root: '/account',
    prefix: '',
    whose: 'one’s own',
    userOf: async ({ actor }) => ownId(actor),
  };
  const anybodys: Door = {
    tag: 'Users',
    permission: 'users.manage',
    root: '/users/:id',
    prefix: 'user-',
    whose: 'a user’s',
    async userOf({ params }) {
      const user = await userById(parts.db, params['id'] ?? '');
      if (user === null) throw new NotFound(en.users.unknown);
      return user.id;
    },
  };
  return [
    ...sessionOperations(parts, own, 'id'),
    ...identityOperations(parts, own, 'id'),
    ...ownOperations(parts, own),
    ...sessionOperations(parts, anybodys, 'session'),
    ...identityOperations(parts, anybodys, 'identity'),
    listFactors(parts, anybodys),
    {
      tag: anybodys.tag,
      permission: anybodys.permission,
      id: 'reset-user-factors',
      method: 'DELETE',
      path: '/users/:id/factors',
      summary: 'Remove a user’s second factors and recovery codes, and end their sessions: for somebody who has lost everything',
      status: 204,
      handle: ({ actor, params }) => parts.factors.reset(actor, params['id'] ?? '').then(() => ({})),
    },
  ];
}

function sessionOperations({ sessions }: SignInOperationParts, { tag, permission, root, prefix, whose, userOf }: Door, name: string): readonly Operation[] {
  return [
    {
      tag,
      permission,
      id: `list-${prefix}sessions`,
      method: 'GET',
      path: `${root}/sessions`,
      summary: `List ${whose} browser sessions, the last used first`,
      answer: sessionAnswer,
      isList: true,
      async handle(call) {
        const all = await sessions.of(await userOf(call));
        return { body: all.map(({ hash: _hash, userId: _user, ...session }) => session), total: all.length, next: null };
      },
    },
    {
      tag,
      permission,
      id: `end-${prefix}session`,
      method: 'DELETE',
      path: `${root}/sessions/:${name}`,
      summary: 'Sign a browser out',
      status: 204,
      async handle(call) {
        const id = call.params[name] ?? '';
        refuseUnless(en.sessions.unknown, await sessions.of(await userOf(call)), id);
        await sessions.end(call.actor, id);
        return {};
      },
    },
  ];
}

function identityOperations({ identities }: SignInOperationParts, { tag, permission, root, prefix, whose, userOf }: Door, name: string): readonly Operation[] {
  return [
    {
      tag,
      permission,
      id: `list-${prefix}identities`,
      method: 'GET',
      path: `${root}/identities`,
      summary: `List ${whose} identities at providers`,
      answer: identityAnswer,
      isList: true,
      async handle(call) {
        const all = await identities.of(await userOf(call));
        return { body: all.map(({ userId: _user, ...identity }) => identity), total: all.length, next: null };
      },
    },
    {
      tag,
      permission,
      id: `unlink-${prefix}identity`,
      method: 'DELETE',
      path: `${root}/identities/:${name}`,
      summary: 'Unlink an identity: it signs nobody in any more',
      status: 204,
      async handle(call) {
        const id = call.params[name] ?? '';
        refuseUnless(en.identities.unknown, await identities.of(await userOf(call)), id);
        await identities.remove(call.actor, id);
        return {};
      },
    },
  ];
}

function listFactors({ factors }: SignInOperationParts, { tag, permission, root, prefix, whose, userOf }: Door): Operation {
  return {
    tag,
    permission,
    id: `list-${prefix}factors`,
    method: 'GET',
    path: `${root}/factors`,
    summary: `List ${whose} second factors`,
    answer: factorAnswer,
    isList: true,
    async handle(call) {
      const lists = await factors.of(await userOf(call));
      const all = lists.flatMap(({ factor, methods }) =>
        methods.map(({ id, name, createdAt, lastUsedAt }) => ({ factor: factor.id, id, name, createdAt, lastUsedAt })),
      );
      return { body: all, total: all.length, next: null };
    },
  };
}

/** What nobody can do for another. */
function ownOperations(parts: SignInOperationParts, own: Door): readonly Operation[] {
  const { sessions, factors, recoveryCodes } = parts;
  const { tag, permission } = own;
  const shared = { tag, permission } as const;
  return [
    {
      ...shared,
      id: 'end-sessions',
      method: 'DELETE',
      path: '/account/sessions',
      summary: 'Sign out in every browser',
      status: 204,
      handle: ({ actor }) => sessions.endOthers(actor, null).then(() => ({})),
    },
    listFactors(parts, own),
    {
      ...shared,
      id: 'remove-factor',
      method: 'DELETE',
      path: '/account/factors/:factor/:id',
      summary: 'Remove one of one’s own second factors',
      status: 204,
      handle: ({ actor, params }) => factors.remove(actor, params['factor'] ?? '', params['id'] ?? '').then(() => ({})),
    },
    {
      ...shared,
      id: 'count-recovery-codes',
      method: 'GET',
      path: '/account/recovery-codes',
      summary: 'How many recovery codes are left',
      answer: codesLeftAnswer,
      handle: async ({ actor }) => ({ body: { left: await recoveryCodes.left(ownId(actor)) } }),
    },
    {
      ...shared,
      id: 'renew-recovery-codes',
      method: 'POST',
      path: '/account/recovery-codes',
      summary: 'Make new recovery codes, answered once; the old ones are worth nothing any more',
      answer: codesAnswer,
      answersSecret: true,
      status: 201,
      handle: async ({ actor }) => ({ body: { codes: await recoveryCodes.renew(actor) } }),
    },
  ];
}

function ownId({ userId }: Actor): UserId {
  if (userId === null) throw new NotFound(en.users.unknown);
  return userId;
}

/** What administrators may touch in the services is refused here when it is not below this very path. */
function refuseUnless(unknown: string, theirs: readonly { readonly id: string }[], id: string): void {
  if (!theirs.some((one) => one.id === id)) throw new NotFound(unknown);
}
