import { and, count, desc, eq, inArray } from 'drizzle-orm';
import { z } from 'zod';
import { type Actor, authorize, Conflict, type Host, hashToken, line, NotFound, parse, randomToken, type UserId, userById, within } from '#core';
import { apiTokens } from './tables.ts';
import { text } from './text.ts';

export type ApiToken = typeof apiTokens.$inferSelect;

export interface Tokens {
  list(actor: Actor): Promise<readonly ApiToken[]>;
  /** Somebody's, for administrators. */
  of(actor: Actor, userId: string): Promise<readonly ApiToken[]>;
  get(actor: Actor, id: string): Promise<ApiToken>;
  /** The token itself is in the answer and nowhere else. Throws InvalidInput, or Conflict at 25 tokens. */
  create(actor: Actor, input: unknown): Promise<{ readonly token: string; readonly row: ApiToken }>;
  revoke(actor: Actor, id: string): Promise<ApiToken>;
  revokeOf(actor: Actor, userId: string, id: string): Promise<ApiToken>;
  /** Who the token speaks for: its owner, with today's role, while both are alive. */
  authenticate(token: string, ip: string): Promise<Actor | null>;
  /** Until when somebody whom `authenticate` has answered may go on; null when their token or role is gone. */
  aliveUntil(actor: Actor): Promise<Date | null>;
  countOf(userIds: readonly string[]): Promise<number>;
}

export const newToken = z.strictObject({ name: line(1, 255), days: within(1, 365).default(30) });

const MOST = 25;
const DAY_MS = 86_400_000;
const PREFIX_LENGTH = 8;
/** When a token was used is kept to the minute: not every request must write. */
const USED_EVERY_MS = 60_000;

interface TokensParts extends Pick<Host, 'db' | 'clock' | 'audit'> {
  readonly onRevoked: (userId: UserId) => void;
}

export function createTokens({ db, clock, audit, onRevoked }: TokensParts): Tokens {
  /** The hash of the token behind an actor. */
  const bearers = new WeakMap<Actor, string>();

  async function own(actor: Actor, id: string): Promise<ApiToken> {
    authorize(actor, 'account.own');
    const [row] = await db
      .select()
      .from(apiTokens)
      .where(and(eq(apiTokens.id, id), eq(apiTokens.userId, userOf(actor))));
    if (!row) throw new NotFound(text.tokens.unknown);
    return row;
  }

  async function ofUser(userId: UserId): Promise<readonly ApiToken[]> {
    return db.select().from(apiTokens).where(eq(apiTokens.userId, userId)).orderBy(desc(apiTokens.createdAt), desc(apiTokens.id));
  }

  async function ofAnybody(actor: Actor, userId: string): Promise<readonly ApiToken[]> {
    authorize(actor, 'users.manage');
    const user = await userById(db, userId);
    if (user === null) throw new NotFound(text.tokens.unknownUser);
    return ofUser(user.id);
  }

  async function remove(actor: Actor, row: ApiToken): Promise<ApiToken> {
    await db.transaction(async (tx) => {
      await tx.delete(apiTokens).where(eq(apiTokens.id, row.id));
      await audit.record(tx, actor, { action: 'token.revoked', target: targetOf(row) });
    });
    onRevoked(row.userId);
    return row;
  }

  return {
    get: own,
    list: async (actor) => ofUser(userOf(actor)),
    of: ofAnybody,
    async create(actor, input) {
      authorize(actor, 'account.own');
      const { name, days } = parse(newToken, input);
      const token = `wg_${randomToken()}`;
      const now = clock.now();
      const values = {
        userId: userOf(actor),
        name,
        hash: hashToken(token),
        prefix: token.slice(0, PREFIX_LENGTH),
        expiresAt: new Date(now.getTime() + days * DAY_MS),
        createdAt: now,
        updatedAt: now,
      };
      const row = await db.transaction(async (tx) => {
        const [present] = await tx.select({ total: count() }).from(apiTokens).where(eq(apiTokens.userId, values.userId));
        if ((present?.total ?? 0) >= MOST) throw new Conflict(text.tokens.tooMany(MOST));
        const [inserted] = await tx.insert(apiTokens).values(values).returning();
        if (!inserted) throw new NotFound(text.tokens.unknown);
        await audit.record(tx, actor, { action: 'token.created', target: targetOf(inserted), changes: { expiresAt: inserted.expiresAt } });
        return inserted;
      });
      return { token, row };
    },
    revoke: async (actor, id) => remove(actor, await own(actor, id)),
    async revokeOf(actor, userId, id) {
      const row = (await ofAnybody(actor, userId)).find((token) => token.id === id);
      if (!row) throw new NotFound(text.tokens.unknown);
      return remove(actor, row);
    },
    async authenticate(token, ip) {
      const hash = hashToken(token);
      const found = await living(hash);
      if (found === null) return null;
      const { row, user } = found;
      const now = clock.now();
      if (row.lastUsedAt === null || now.getTime() - row.lastUsedAt.getTime() > USED_EVERY_MS) await markUsed(row.id, now);
      const actor: Actor = { userId: user.id, name: user.email, role: user.role, via: 'api', ip };
      bearers.set(actor, hash);
      return actor;
    },
    async aliveUntil(actor) {
      const found = await living(bearers.get(actor) ?? '');
      return found !== null && found.user.role === actor.role ? found.row.expiresAt : null;
    },
    async countOf(userIds) {
      const [row] = await db
        .select({ total: count() })
        .from(apiTokens)
        .where(inArray(apiTokens.userId, userIds as readonly UserId[]));
      return row?.total ?? 0;
    },
  };

  async function living(hash: string) {
    const found = await db.remembered(`token ${hash}`, () => owned(hash));
    return found === null || found.row.expiresAt <= clock.now() || found.user.disabledAt !== null ? null : found;
  }

  async function owned(hash: string) {
    const [row] = await db.select().from(apiTokens).where(eq(apiTokens.hash, hash));
    const user = row ? await userById(db, row.userId) : null;
    return row && user ? { row, user } : null;
  }

  async function markUsed(id: string, at: Date): Promise<void> {
    await db.transaction(async (tx) => {
      await tx.update(apiTokens).set({ lastUsedAt: at }).where(eq(apiTokens.id, id));
    });
  }
}

function targetOf(token: ApiToken) {
  return { type: 'token', id: token.id, name: token.name };
}

function userOf(actor: Actor): ApiToken['userId'] {
  if (actor.userId === null) throw new NotFound(text.tokens.unknown);
  return actor.userId;
}
