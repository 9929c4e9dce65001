import type { Audit } from '../audit/audit.ts';
import type { Db } from '../db/open.ts';
import { NotFound } from '../errors.ts';
import type { EventBus } from '../events/bus.ts';
import type { UserId } from '../net/inputs.ts';
import { en } from '../text/en.ts';
import type { EnrolledKinds } from './enrolled-kinds.ts';
import { type Actor, authorize } from './permissions.ts';
import type { RecoveryCodes } from './recovery-codes.ts';
import { endSessionsOf } from './session-store.ts';
import type { FactorMethod, SecondFactor } from './sign-in.ts';
import { userById } from './store.ts';

/** A kind of second factor with what somebody has of it. */
export interface FactorList {
  readonly factor: SecondFactor;
  readonly methods: readonly FactorMethod[];
}

export interface Factors {
  of(userId: UserId): Promise<readonly FactorList[]>;
  /** One of the actor's own. Throws NotFound. */
  find(actor: Actor, factorId: string, methodId: string): Promise<FactorMethod>;
  remove(actor: Actor, factorId: string, methodId: string): Promise<FactorMethod>;
  /** For somebody who has lost everything: removes all second factors and recovery codes, and ends all sessions. */
  reset(actor: Actor, userId: string): Promise<void>;
}

interface FactorsParts {
  readonly db: Db;
  readonly audit: Audit;
  readonly events: EventBus;
  readonly recoveryCodes: RecoveryCodes;
  readonly kinds: EnrolledKinds;
  readonly secondFactors: () => readonly SecondFactor[];
}

export function createFactors({ db, audit, events, recoveryCodes, kinds, secondFactors }: FactorsParts): Factors {
  const of: Factors['of'] = async (userId) => Promise.all(secondFactors().map(async (factor) => ({ factor, methods: await factor.list(userId) })));

  async function own(actor: Actor, factorId: string, methodId: string) {
    authorize(actor, 'account.own');
    const list = actor.userId === null ? undefined : (await of(actor.userId)).find(({ factor }) => factor.id === factorId);
    const method = list?.methods.find(({ id }) => id === methodId);
    if (!list || !method || actor.userId === null) throw new NotFound(en.factors.unknown);
    return { ...list, method, userId: actor.userId };
  }

  return {
    of,
    find: async (actor, factorId, methodId) => (await own(actor, factorId, methodId)).method,
    async remove(actor, factorId, methodId) {
      const { factor, method, userId } = await own(actor, factorId, methodId);
      await db.transaction(async (tx) => {
        await factor.remove(tx, userId, methodId);
        await audit.record(tx, actor, { action: `${factor.id}.removed`, target: { type: 'factor', id: method.id, name: method.name } });
      });
      await kinds.follow(userId);
      return method;
    },
    async reset(actor, userId) {
      authorize(actor, 'users.manage');
      const user = await userById(db, userId);
      if (user === null) throw new NotFound(en.users.unknown);
      const lists = await of(user.id);
      await db.transaction(async (tx) => {
        for (const { factor, methods } of lists) for (const { id } of methods) await factor.remove(tx, user.id, id);
        await recoveryCodes.removeAll(tx, user.id);
        await kinds.forget(tx, user.id);
        await endSessionsOf(tx, user.id);
        const removed = lists.flatMap(({ methods }) => methods.map(({ name }) => name));
        await audit.record(tx, actor, { action: 'user.factors-reset', target: { type: 'user', id: user.id, name: user.email }, changes: { removed } });
      });
      events.emit('user.changed', { userId: user.id });
      events.emit('session.ended', { userId: user.id });
    },
  };
}
