import { and, eq, inArray } from 'drizzle-orm';
import type { Db, Queries } from '../db/open.ts';
import type { UserId } from '../net/inputs.ts';
import type { SecondFactor } from './sign-in.ts';
import { enrolledKinds } from './tables.ts';

/** Remembers who has which kind of second factor, so that a plugin that fails does not let passwords alone in. */
export interface EnrolledKinds {
  /** After somebody has added or removed one: what the running plugins say holds from now on. */
  follow(userId: UserId): Promise<void>;
  forget(tx: Queries, userId: UserId): Promise<void>;
  /** Whether they have one that cannot be asked for, because its plugin is broken. One that an administrator has switched off does not count. */
  areMissing(userId: UserId): Promise<boolean>;
}

interface EnrolledKindsParts {
  readonly db: Db;
  readonly secondFactors: () => readonly SecondFactor[];
  readonly isBroken: (kind: string) => boolean;
}

export function createEnrolledKinds({ db, secondFactors, isBroken }: EnrolledKindsParts): EnrolledKinds {
  return {
    async follow(userId) {
      const running = await Promise.all(secondFactors().map(async (factor) => ({ kind: factor.id, isThere: (await factor.list(userId)).length > 0 })));
      const there = running.filter(({ isThere }) => isThere).map(({ kind }) => ({ userId, kind }));
      const kinds = running.map(({ kind }) => kind);
      await db.transaction(async (tx) => {
        await tx.delete(enrolledKinds).where(and(eq(enrolledKinds.userId, userId), inArray(enrolledKinds.kind, kinds)));
        if (there.length > 0) await tx.insert(enrolledKinds).values(there);
      });
    },
    forget: async (tx, userId) => void (await tx.delete(enrolledKinds).where(eq(enrolledKinds.userId, userId))),
    async areMissing(userId) {
      const rows = await db.select({ kind: enrolledKinds.kind }).from(enrolledKinds).where(eq(enrolledKinds.userId, userId));
      return rows.some(({ kind }) => isBroken(kind));
    },
  };
}
