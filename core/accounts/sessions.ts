import { and, desc, eq, gt } from 'drizzle-orm';
import type { Audit } from '../audit/audit.ts';
import type { Db } from '../db/open.ts';
import { NotFound } from '../errors.ts';
import type { EventBus } from '../events/bus.ts';
import type { UserId } from '../net/inputs.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';
import { type Actor, allows, authorize } from './permissions.ts';
import { endSessionsOf } from './session-store.ts';
import { sessions } from './tables.ts';

/** A browser in which somebody is signed in. */
export interface BrowserSession {
  readonly id: string;
  readonly userId: UserId | null;
  readonly method: string | null;
  readonly secondFactorAt: Date | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
  readonly hash: string;
}

export interface Sessions {
  /** Those that are alive, the last used first. */
  of(userId: string): Promise<readonly BrowserSession[]>;
  /** Signs the browser out. Administrators may end anybody's, others their own. Throws NotFound. */
  end(actor: Actor, id: string): Promise<BrowserSession>;
  /** Ends the actor's own but for the one with this hash. */
  endOthers(actor: Actor, keepHash: string | null): Promise<void>;
}

interface SessionsParts {
  readonly db: Db;
  readonly audit: Audit;
  readonly events: EventBus;
  readonly clock: Clock;
}

const COLUMNS = {
  id: sessions.id,
  userId: sessions.userId,
  method: sessions.method,
  secondFactorAt: sessions.secondFactorAt,
  ip: sessions.ip,
  userAgent: sessions.userAgent,
  createdAt: sessions.createdAt,
  lastSeenAt: sessions.lastSeenAt,
  expiresAt: sessions.expiresAt,
  hash: sessions.hash,
};

export function createSessions({ db, audit, events, clock }: SessionsParts): Sessions {
  return {
    of: async (userId) =>
      db
        .select(COLUMNS)
        .from(sessions)
        .where(and(eq(sessions.userId, userId as UserId), gt(sessions.expiresAt, clock.now())))
        .orderBy(desc(sessions.lastSeenAt)),
    async end(actor, id) {
      authorize(actor, 'account.own');
      const session = await db.transaction(async (tx) => {
        const [row] = await tx.select(COLUMNS).from(sessions).where(eq(sessions.id, id));
        const isTheirs = row?.userId !== null && row?.userId === actor.userId;
        if (!row || (!isTheirs && !allows(actor, 'users.manage'))) throw new NotFound(en.sessions.unknown);
        await tx.delete(sessions).where(eq(sessions.id, id));
        await audit.record(tx, actor, { action: 'session.ended', target: { type: 'user', id: row.userId, name: row.ip ?? '' } });
        return row;
      });
      if (session.userId !== null) events.emit('session.ended', { userId: session.userId });
      return session;
    },
    async endOthers(actor, keepHash) {
      authorize(actor, 'account.own');
      const { userId } = actor;
      if (userId === null) throw new NotFound(en.users.unknown);
      await db.transaction(async (tx) => {
        await endSessionsOf(tx, userId, keepHash);
        await audit.record(tx, actor, { action: 'sessions.ended', target: { type: 'user', id: userId, name: actor.name } });
      });
      events.emit('session.ended', { userId });
    },
  };
}
