import { eq } from 'drizzle-orm';
import { z } from 'zod';
import type { Db } from '../db/open.ts';
import { parse } from '../parse.ts';
import type { Clock } from '../system/clock.ts';
import { type Actor, authorize } from './permissions.ts';
import { users } from './tables.ts';

export const profile = z.strictObject({ theme: z.enum(['auto', 'light', 'dark']) });

/** Stores how the actor wants the pages to look. */
export async function saveProfile(db: Db, clock: Clock, actor: Actor, input: unknown): Promise<void> {
  authorize(actor, 'account.own');
  const { theme } = parse(profile, input);
  if (actor.userId === null) return;
  const { userId } = actor;
  await db.transaction(async (tx) => {
    await tx.update(users).set({ theme, updatedAt: clock.now() }).where(eq(users.id, userId));
  });
}
