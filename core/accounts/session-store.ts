import { and, eq, gt, lt, ne } from 'drizzle-orm';
import type { Db, Queries } from '../db/open.ts';
import type { UserId } from '../net/inputs.ts';
import type { Clock } from '../system/clock.ts';
import { hashToken } from '../system/secrets.ts';
import type { SessionData } from './session-data.ts';
import { sessions } from './tables.ts';

/** How long a browser session lasts without use, and at most. */
export const SESSION_IDLE_MS = 7 * 24 * 3_600_000;

interface Visitor {
  readonly ip: string | null;
  readonly userAgent: string | null;
}

export interface SessionStore {
  /** The data behind the cookie's value, or null when there is no such living session. Marks it as used, at most once a minute. */
  read(id: string, visitor: Visitor): Promise<SessionData | null>;
  create(id: string, data: SessionData, visitor: Visitor): Promise<void>;
  /** Writes the data unless the session was revoked in the meantime: a late answer must not bring it back. */
  update(id: string, data: SessionData): Promise<void>;
  destroy(id: string): Promise<void>;
  removeExpired(): Promise<void>;
}

const TOUCH_EVERY_MS = 60_000;

export function createSessionStore(db: Db, clock: Clock): SessionStore {
  const expiry = () => new Date(clock.now().getTime() + SESSION_IDLE_MS);
  const columns = (data: SessionData) => ({
    userId: data.userId ?? null,
    method: data.method ?? null,
    secondFactorAt: data.secondFactorAt === undefined ? null : new Date(data.secondFactorAt),
    data,
    updatedAt: clock.now(),
  });

  async function touch(hash: string, visitor: Visitor): Promise<void> {
    await db.transaction(async (tx) => {
      await tx
        .update(sessions)
        .set({ ...visitor, lastSeenAt: clock.now(), expiresAt: expiry() })
        .where(eq(sessions.hash, hash));
    });
  }

  return {
    async read(id, visitor) {
      const now = clock.now();
      const hash = hashToken(id);
      const [row] = await db
        .select({ data: sessions.data, lastSeenAt: sessions.lastSeenAt })
        .from(sessions)
        .where(and(eq(sessions.hash, hash), gt(sessions.expiresAt, now)));
      if (!row) return null;
      if (now.getTime() - row.lastSeenAt.getTime() > TOUCH_EVERY_MS) await touch(hash, visitor);
      return row.data;
    },
    async create(id, data, visitor) {
      const now = clock.now();
      await db.transaction(async (tx) => {
        await tx.insert(sessions).values({ hash: hashToken(id), ...columns(data), ...visitor, createdAt: now, lastSeenAt: now, expiresAt: expiry() });
      });
    },
    async update(id, data) {
      await db.transaction(async (tx) => {
        await tx
          .update(sessions)
          .set(columns(data))
          .where(eq(sessions.hash, hashToken(id)));
      });
    },
    async destroy(id) {
      await db.transaction(async (tx) => {
        await tx.delete(sessions).where(eq(sessions.hash, hashToken(id)));
      });
    },
    async removeExpired() {
      await db.transaction(async (tx) => {
        await tx.delete(sessions).where(lt(sessions.expiresAt, clock.now()));
      });
    },
  };
}

/** Ends a user's sessions, but for the one with this hash. */
export async function endSessionsOf(tx: Queries, userId: UserId, exceptHash: string | null = null): Promise<void> {
  const theirs = eq(sessions.userId, userId);
  await tx.delete(sessions).where(exceptHash === null ? theirs : and(theirs, ne(sessions.hash, exceptHash)));
}
