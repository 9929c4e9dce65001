import { and, eq, lt } from 'drizzle-orm';
import { type Actor, Conflict, type Host, hashToken, InvalidInput } from '#core';
import { apiRequests } from './tables.ts';
import { text } from './text.ts';

interface Kept {
  readonly status: number;
  readonly body: unknown;
}

/** Makes a request that is sent twice happen once (draft-ietf-httpapi-idempotency-key-header). */
export interface Idempotency {
  /**
   * Runs `work`, or answers what it answered the first time. Throws InvalidInput when the key stood for another request, and
   * Conflict when the first is still running, or answered a secret, which is kept nowhere.
   */
  once(actor: Actor, key: string, print: string, work: () => Promise<Kept & { readonly isSecret: boolean }>): Promise<Kept & { readonly isReplayed: boolean }>;
  removeOld(): Promise<void>;
}

const KEPT_MS = 24 * 3_600_000;
const LONGEST_KEY = 255;

export function createIdempotency({ db, clock, secrets }: Pick<Host, 'db' | 'clock' | 'secrets'>): Idempotency {
  async function begin(id: string, fingerprint: string): Promise<typeof apiRequests.$inferSelect | null> {
    return db.transaction(async (tx) => {
      const [present] = await tx.select().from(apiRequests).where(eq(apiRequests.id, id));
      if (present) return present;
      const now = clock.now();
      await tx.insert(apiRequests).values({ id, fingerprint, createdAt: now });
      return null;
    });
  }

  function replay(present: typeof apiRequests.$inferSelect, fingerprint: string): Kept & { readonly isReplayed: boolean } {
    if (present.fingerprint !== fingerprint) throw new InvalidInput({ '': [text.idempotency.otherRequest] });
    if (present.status === null) throw new Conflict(text.idempotency.running);
    if (present.answer === null) throw new Conflict(text.idempotency.secret);
    return { status: present.status, body: JSON.parse(secrets.open(present.answer)), isReplayed: true };
  }

  return {
    async once(actor, key, print, work) {
      if (key === '' || key.length > LONGEST_KEY) throw new InvalidInput({ '': [text.idempotency.badKey] });
      const id = hashToken(`${actor.userId ?? ''} ${key}`);
      const fingerprint = hashToken(print);
      const present = await begin(id, fingerprint);
      if (present !== null) return replay(present, fingerprint);
      try {
        const { isSecret, ...answer } = await work();
        const kept = isSecret ? null : secrets.seal(JSON.stringify(answer.body ?? null));
        await db.transaction(async (tx) => {
          await tx.update(apiRequests).set({ status: answer.status, answer: kept }).where(eq(apiRequests.id, id));
        });
        return { ...answer, isReplayed: false };
      } catch (error) {
        // What was refused has changed nothing and may be tried again.
        await db.transaction(async (tx) => {
          await tx.delete(apiRequests).where(and(eq(apiRequests.id, id), eq(apiRequests.fingerprint, fingerprint)));
        });
        throw error;
      }
    },
    removeOld: () =>
      db.transaction(async (tx) => {
        await tx.delete(apiRequests).where(lt(apiRequests.createdAt, new Date(clock.now().getTime() - KEPT_MS)));
      }),
  };
}
