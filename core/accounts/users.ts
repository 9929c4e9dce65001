import { eq } from 'drizzle-orm';
import { z } from 'zod';
import type { Audit } from '../audit/audit.ts';
import { violatesUnique } from '../db/constraints.ts';
import { each } from '../db/each.ts';
import type { Db, Queries } from '../db/open.ts';
import { Conflict, InvalidInput, NotFound } from '../errors.ts';
import type { EventBus } from '../events/bus.ts';
import { email, parse } from '../parse.ts';
import { differences } from '../settings/settings.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';
import { hashPassword, verifyPassword } from './passwords.ts';
import { type Actor, authorize } from './permissions.ts';
import { endSessionsOf } from './session-store.ts';
import { otherAdmins, type User, userById } from './store.ts';
import { users } from './tables.ts';

export const password = z.string().min(12, en.validation.length(12, 256)).max(256, en.validation.length(12, 256));
const role = z.enum(['admin', 'unprivileged']);

export const newUser = z.strictObject({ email, role: role.default('unprivileged'), password: password.nullable().default(null) });
export const userChanges = z.strictObject({ email, role, password: password.nullable() }).partial();

export const USER_ACTS = ['disable', 'enable', 'end-vpn', 'delete'] as const;
export type UserAct = (typeof USER_ACTS)[number];

export interface Users {
  /** Throws InvalidInput, or Conflict when the email has an account. */
  create(actor: Actor, input: unknown): Promise<User>;
  update(actor: Actor, id: string, input: unknown): Promise<User>;
  disable(actor: Actor, id: string): Promise<User>;
  enable(actor: Actor, id: string): Promise<User>;
  /** Deletes the user with devices, sessions and everything else of theirs. */
  remove(actor: Actor, id: string): Promise<User>;
  /** Closes the user's tunnels until the next complete sign-in. */
  endVpnSession(actor: Actor, id: string): Promise<User>;
  /** The same to several users, in one transaction: to all of them or none. */
  toAll(actor: Actor, act: UserAct, ids: readonly string[]): Promise<readonly User[]>;
  /** Their own password, proved by the present one; ends every session but `keepSessionHash`. */
  changePassword(actor: Actor, input: unknown, keepSessionHash: string | null): Promise<void>;
}

type Change = (user: User, tx: Queries) => Promise<Partial<User>>;

interface UsersParts {
  readonly db: Db;
  readonly audit: Audit;
  readonly events: EventBus;
  readonly clock: Clock;
}

export const passwordChange = z.strictObject({ currentPassword: z.string(), newPassword: password });

export function createUsers({ db, audit, events, clock }: UsersParts): Users {
  /** Reads, lets `change` decide on the columns, writes them with their audit rows, tells everybody. */
  async function alterAll(actor: Actor, ids: readonly string[], action: string, change: Change): Promise<readonly User[]> {
    authorize(actor, 'users.manage');
    const altered = await db.transaction((tx) => each(ids, (id) => alterOne(tx, actor, id, action, change)));
    for (const user of altered) events.emit('user.changed', { userId: user.id });
    return altered;
  }

  async function alterOne(tx: Queries, actor: Actor, id: string, action: string, change: Change): Promise<User> {
    const before = await existing(tx, id);
    const set = await change(before, tx);
    await tx
      .update(users)
      .set({ ...set, updatedAt: clock.now() })
      .where(eq(users.id, before.id))
      .catch(refuseTakenEmail(set.email));
    const after = await existing(tx, id);
    if (revokesSessions(before, after)) await endSessionsOf(tx, before.id);
    await audit.record(tx, actor, { action, target: targetOf(after), changes: describe(before, after) });
    return after;
  }

  async function removeAll(actor: Actor, ids: readonly string[]): Promise<readonly User[]> {
    authorize(actor, 'users.manage');
    const removed = await db.transaction((tx) =>
      each(ids, async (id) => {
        const before = await existing(tx, id);
        await refuseLastAdmin(tx, before);
        await tx.delete(users).where(eq(users.id, before.id));
        await audit.record(tx, actor, { action: 'user.deleted', target: targetOf(before) });
        return before;
      }),
    );
    for (const user of removed) events.emit('user.deleted', { userId: user.id });
    return removed;
  }

  const acts: Readonly<Record<UserAct, (actor: Actor, ids: readonly string[]) => Promise<readonly User[]>>> = {
    disable: (actor, ids) =>
      alterAll(actor, ids, 'user.disabled', async (user, tx) => {
        await refuseLastAdmin(tx, user);
        return { disabledAt: user.disabledAt ?? clock.now() };
      }),
    enable: (actor, ids) => alterAll(actor, ids, 'user.enabled', async () => ({ disabledAt: null })),
    'end-vpn': (actor, ids) => alterAll(actor, ids, 'user.vpn-session-ended', async () => ({ vpnSessionEndedAt: clock.now() })),
    delete: removeAll,
  };
  const toOne = (act: UserAct) => async (actor: Actor, id: string) => only(await acts[act](actor, [id]));

  return {
    async create(actor, input) {
      authorize(actor, 'users.manage');
      const given = parse(newUser, input);
      const passwordHash = given.password === null ? null : await hashPassword(given.password);
      const now = clock.now();
      const user = await db.transaction(async (tx) => {
        const [row] = await tx
          .insert(users)
          .values({ email: given.email, role: given.role, passwordHash, createdAt: now, updatedAt: now })
          .returning()
          .catch(refuseTakenEmail(given.email));
        if (!row) throw new NotFound(en.users.unknown);
        await audit.record(tx, actor, { action: 'user.created', target: targetOf(row), changes: { email: row.email, role: row.role } });
        return row;
      });
      events.emit('user.changed', { userId: user.id });
      return user;
    },
    async update(actor, id, input) {
      authorize(actor, 'users.manage');
      const given = parse(userChanges, input);
      const passwordHash = given.password ? await hashPassword(given.password) : undefined;
      const change: Change = async (user, tx) => {
        if (given.role !== undefined && given.role !== user.role && user.id === actor.userId) throw new InvalidInput({ role: [en.users.ownRole] });
        if (given.role === 'unprivileged') await refuseLastAdmin(tx, user);
        return {
          ...(given.email === undefined ? {} : { email: given.email }),
          ...(given.role === undefined ? {} : { role: given.role }),
          ...(passwordHash === undefined ? {} : { passwordHash }),
        };
      };
      return only(await alterAll(actor, [id], 'user.changed', change));
    },
    disable: toOne('disable'),
    enable: toOne('enable'),
    endVpnSession: toOne('end-vpn'),
    remove: toOne('delete'),
    toAll: (actor, act, ids) => acts[act](actor, ids),
    async changePassword(actor, input, keepSessionHash) {
      authorize(actor, 'account.own');
      const given = parse(passwordChange, input);
      const user = await existing(db, actor.userId ?? '');
      if (!(await verifyPassword(user.passwordHash, given.currentPassword))) throw new InvalidInput({ currentPassword: [en.account.wrongPassword] });
      const passwordHash = await hashPassword(given.newPassword);
      await db.transaction(async (tx) => {
        await tx.update(users).set({ passwordHash, updatedAt: clock.now() }).where(eq(users.id, user.id));
        await endSessionsOf(tx, user.id, keepSessionHash);
        await audit.record(tx, actor, { action: 'user.password-changed', target: targetOf(user) });
      });
      events.emit('session.ended', { userId: user.id });
    },
  };
}

function only(changed: readonly User[]): User {
  const [user] = changed;
  if (user === undefined) throw new NotFound(en.users.unknown);
  return user;
}

export function targetOf(user: User): { readonly type: 'user'; readonly id: string; readonly name: string } {
  return { type: 'user', id: user.id, name: user.email };
}

async function existing(db: Parameters<typeof userById>[0], id: string): Promise<User> {
  const user = await userById(db, id);
  if (user === null) throw new NotFound(en.users.unknown);
  return user;
}

/** The last enabled administrator can be neither removed, demoted nor disabled. */
async function refuseLastAdmin(tx: Queries, user: User): Promise<void> {
  const isEnabledAdmin = user.role === 'admin' && user.disabledAt === null;
  if (isEnabledAdmin && (await otherAdmins(tx, user.id)) === 0) throw new Conflict(en.users.lastAdmin);
}

function revokesSessions(before: User, after: User): boolean {
  return before.role !== after.role || before.passwordHash !== after.passwordHash || (before.disabledAt === null && after.disabledAt !== null);
}

function describe(before: User, after: User) {
  const { passwordHash: _old, updatedAt: _then, ...was } = before;
  const { passwordHash: _new, updatedAt: _now, ...is } = after;
  return { ...differences(was, is), ...(before.passwordHash === after.passwordHash ? {} : { password: 'changed' }) };
}

function refuseTakenEmail(taken: string | undefined) {
  return (error: unknown): never => {
    if (violatesUnique(error, 'users.email')) throw new InvalidInput({ email: [en.users.emailTaken(taken ?? '')] }, { cause: error });
    throw error;
  };
}
