import { randomInt } from 'node:crypto';
import { and, count, eq, isNull } from 'drizzle-orm';
import type { Audit } from '../audit/audit.ts';
import type { Db, Queries } from '../db/open.ts';
import { NotFound } from '../errors.ts';
import type { UserId } from '../net/inputs.ts';
import type { Clock } from '../system/clock.ts';
import { hashToken } from '../system/secrets.ts';
import { en } from '../text/en.ts';
import { type Actor, authorize } from './permissions.ts';
import { recoveryCodes } from './tables.ts';

export interface RecoveryCodes {
  /** How many of the user's codes are left. */
  left(userId: UserId): Promise<number>;
  /** Ten new codes of the actor's, shown this once; the old ones are worth nothing from now on. */
  renew(actor: Actor): Promise<readonly string[]>;
  /** Uses a code up; false when it is not an unused one of the user's. */
  use(userId: UserId, code: string): Promise<boolean>;
  removeAll(tx: Queries, userId: UserId): Promise<void>;
}

const CODES = 10;
/** 16 of 32 letters are 80 bits: nothing to be guessed from a hash. */
const LETTERS = 16;
const ALPHABET = 'abcdefghjkmnpqrstvwxyz0123456789'; // Crockford's, without i, l, o, u.

export function createRecoveryCodes({ db, audit, clock }: { readonly db: Db; readonly audit: Audit; readonly clock: Clock }): RecoveryCodes {
  const removeAll = async (tx: Queries, userId: UserId) => void (await tx.delete(recoveryCodes).where(eq(recoveryCodes.userId, userId)));

  return {
    removeAll,
    async left(userId) {
      const [row] = await db
        .select({ left: count() })
        .from(recoveryCodes)
        .where(and(eq(recoveryCodes.userId, userId), isNull(recoveryCodes.usedAt)));
      return row?.left ?? 0;
    },
    async renew(actor) {
      authorize(actor, 'account.own');
      const { userId } = actor;
      if (userId === null) throw new NotFound(en.users.unknown);
      const codes = Array.from({ length: CODES }, makeCode);
      const now = clock.now();
      await db.transaction(async (tx) => {
        await removeAll(tx, userId);
        await tx.insert(recoveryCodes).values(codes.map((code) => ({ userId, hash: hashToken(plain(code)), createdAt: now, updatedAt: now })));
        await audit.record(tx, actor, { action: 'recovery-codes.renewed', target: { type: 'user', id: userId, name: actor.name } });
      });
      return codes;
    },
    use: (userId, code) =>
      db.transaction(async (tx) => {
        const isIt = and(eq(recoveryCodes.userId, userId), eq(recoveryCodes.hash, hashToken(plain(code))), isNull(recoveryCodes.usedAt));
        const used = await tx.update(recoveryCodes).set({ usedAt: clock.now(), updatedAt: clock.now() }).where(isIt).returning();
        return used.length === 1;
      }),
  };
}

function makeCode(): string {
  const letters = Array.from({ length: LETTERS }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return letters.replace(/(.{4})(?=.)/g, '$1-');
}

/** However it was typed: letters that look like digits are those digits (Crockford's base 32). */
function plain(code: string): string {
  return code
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .replace(/[il]/g, '1')
    .replace(/o/g, '0');
}
