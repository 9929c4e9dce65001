import { and, asc, count, eq } from 'drizzle-orm';
import { z } from 'zod';
import { type Actor, authorize, Conflict, type Host, InvalidInput, line, NotFound, parse, type SecondFactor, type UserId } from '#core';
import { stepOf } from './codes.ts';
import { totpMethods } from './tables.ts';
import { text } from './text.ts';

export interface Methods extends Pick<SecondFactor, 'list' | 'remove'> {
  /** Keeps the secret when the code shows that the app has it. Throws InvalidInput, or Conflict at ten methods. */
  add(actor: Actor, secret: string, input: unknown): Promise<string>;
  /** Whether this is a present code of any of the user's methods; it is used up. */
  confirm(userId: UserId, code: string): Promise<boolean>;
}

export const newMethod = z.strictObject({ name: line(1, 255), code: z.string() });

const MOST = 10;

export function createMethods({ db, clock, audit, secrets }: Pick<Host, 'db' | 'clock' | 'audit' | 'secrets'>): Methods {
  const ofUser = (userId: UserId) => eq(totpMethods.userId, userId);

  return {
    async list(userId, queries = db) {
      const { id, name, createdAt, lastUsedAt } = totpMethods;
      return queries.select({ id, name, createdAt, lastUsedAt }).from(totpMethods).where(ofUser(userId)).orderBy(asc(createdAt));
    },
    async remove(tx, userId, methodId) {
      await tx.delete(totpMethods).where(and(ofUser(userId), eq(totpMethods.id, methodId)));
    },
    async add(actor, secret, input) {
      authorize(actor, 'account.own');
      const { userId } = actor;
      if (userId === null) throw new NotFound('');
      const { name, code } = parse(newMethod, input);
      const now = clock.now();
      // The code that is typed here is used up too: whoever looked over the shoulder cannot sign in with it.
      const lastStep = stepOf(secret, code, now);
      if (lastStep === null) throw new InvalidInput({ code: [text.enrol.wrong] });
      await db.transaction(async (tx) => {
        const [present] = await tx.select({ total: count() }).from(totpMethods).where(ofUser(userId));
        if ((present?.total ?? 0) >= MOST) throw new Conflict(text.enrol.tooMany(MOST));
        const values = { userId, name, secret: secrets.seal(secret), lastStep, createdAt: now, updatedAt: now };
        const [row] = await tx.insert(totpMethods).values(values).returning({ id: totpMethods.id });
        await audit.record(tx, actor, { action: 'totp.added', target: { type: 'factor', id: row?.id ?? '', name } });
      });
      return name;
    },
    confirm: (userId, code) =>
      db.transaction(async (tx) => {
        const now = clock.now();
        for (const method of await tx.select().from(totpMethods).where(ofUser(userId))) {
          const step = stepOf(secrets.open(method.secret), code, now);
          if (step === null || step <= method.lastStep) continue;
          await tx.update(totpMethods).set({ lastStep: step, lastUsedAt: now, updatedAt: now }).where(eq(totpMethods.id, method.id));
          return true;
        }
        return false;
      }),
  };
}
