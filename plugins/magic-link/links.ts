import { and, count, eq, gt, isNull, lte } from 'drizzle-orm';
import { type Actor, type Host, hashToken, mailerSlot, randomToken, type User, userByEmail, users } from '#core';
import { magicLinks } from './tables.ts';
import { text } from './text.ts';

interface Wish {
  readonly email: string;
  readonly returnTo: string;
  readonly origin: string;
  /** Whoever asks: nobody yet. */
  readonly actor: Actor;
}

export interface Links {
  /** Mails a link when this is the address of an account that may sign in. */
  send(wish: Wish): Promise<void>;
  /** Whom this signs in, or null when it does not, or not any more. Changes nothing. */
  find(token: string): Promise<User | null>;
  /** Uses it up; null when there is nothing to use. */
  take(token: string): Promise<{ readonly userId: User['id']; readonly returnTo: string } | null>;
  removeOld(): Promise<void>;
}

const LIVES_MS = 15 * 60_000;
/** In the life of one link. Whoever else asks can fill a mailbox no further, and the newest link goes on working. */
const MOST_AT_A_TIME = 5;

export function createLinks({ db, clock, audit, all }: Pick<Host, 'db' | 'clock' | 'audit' | 'all'>): Links {
  const oldest = () => new Date(clock.now().getTime() - LIVES_MS);
  const isAlive = (token: string) => and(eq(magicLinks.hash, hashToken(token)), isNull(magicLinks.endedAt), gt(magicLinks.createdAt, oldest()));

  /** Ends the older links and keeps the new one; false when there are enough already. */
  async function keep(user: User, token: string, { returnTo, actor }: Wish): Promise<boolean> {
    const now = clock.now();
    const isTheirs = eq(magicLinks.userId, user.id);
    return db.transaction(async (tx) => {
      const [row] = await tx
        .select({ sent: count() })
        .from(magicLinks)
        .where(and(isTheirs, gt(magicLinks.createdAt, oldest())));
      if ((row?.sent ?? 0) >= MOST_AT_A_TIME) return false;
      await tx
        .update(magicLinks)
        .set({ endedAt: now, updatedAt: now })
        .where(and(isTheirs, isNull(magicLinks.endedAt)));
      await tx.insert(magicLinks).values({ userId: user.id, hash: hashToken(token), returnTo, createdAt: now, updatedAt: now });
      await audit.record(tx, actor, { action: 'magic-link.sent', target: { type: 'user', id: user.id, name: user.email } });
      return true;
    });
  }

  return {
    async send(wish) {
      const [mailer] = all(mailerSlot);
      const user = await userByEmail(db, wish.email);
      if (mailer === undefined || user === null || user.disabledAt !== null) return;
      const token = randomToken();
      if (!(await keep(user, token, wish))) return;
      const body = text.mail.text(`${wish.origin}/login/link/${token}`, user.email, wish.actor.ip ?? '');
      await mailer.send({ to: user.email, subject: text.mail.subject, text: body });
    },
    async find(token) {
      const [found] = await db
        .select({ user: users })
        .from(magicLinks)
        .innerJoin(users, eq(users.id, magicLinks.userId))
        .where(and(isAlive(token), isNull(users.disabledAt)));
      return found?.user ?? null;
    },
    take: (token) =>
      db.transaction(async (tx) => {
        const now = clock.now();
        const [taken] = await tx
          .update(magicLinks)
          .set({ endedAt: now, updatedAt: now })
          .where(isAlive(token))
          .returning({ userId: magicLinks.userId, returnTo: magicLinks.returnTo });
        return taken ?? null;
      }),
    removeOld: () =>
      db.transaction(async (tx) => {
        await tx.delete(magicLinks).where(lte(magicLinks.createdAt, oldest()));
      }),
  };
}
