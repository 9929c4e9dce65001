import { and, count, desc, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Db, Queries, ReadQueries } from '../db/open.ts';
import { NotFound } from '../errors.ts';
import type { EventBus } from '../events/bus.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';
import { notifications, type Severity } from './tables.ts';

export type Notification = typeof notifications.$inferSelect;

export interface Notifications {
  /** Tells the administrators, unless the same is already unread. */
  raise(severity: Severity, about: string, message: string): Promise<void>;
  /** Throws NotFound. */
  markRead(id: string): Promise<Notification>;
  markAllRead(): Promise<void>;
  clear(id: string): Promise<void>;
  clearAll(): Promise<void>;
  list(): Promise<readonly Notification[]>;
  countUnread(): Promise<number>;
}

/** Only the newest are kept. */
const KEPT = 100;

export function createNotifications(db: Db, clock: Clock, events: EventBus): Notifications {
  async function isUnread(tx: ReadQueries, about: string, message: string): Promise<boolean> {
    const same = and(eq(notifications.about, about), eq(notifications.message, message), isNull(notifications.readAt));
    const rows = await tx.select({ id: notifications.id }).from(notifications).where(same).limit(1);
    return rows.length > 0;
  }

  async function change<T>(work: (tx: Queries, now: Date) => Promise<T>): Promise<T> {
    const done = await db.transaction((tx) => work(tx, clock.now()));
    events.emit('notifications.changed', {});
    return done;
  }

  return {
    async raise(severity, about, message) {
      const now = clock.now();
      const id = await db.transaction(async (tx) => {
        if (await isUnread(tx, about, message)) return null;
        const [row] = await tx.insert(notifications).values({ severity, about, message, createdAt: now, updatedAt: now }).returning({ id: notifications.id });
        const surplus = await tx.select({ id: notifications.id }).from(notifications).orderBy(desc(notifications.createdAt)).limit(KEPT).offset(KEPT);
        await tx.delete(notifications).where(
          inArray(
            notifications.id,
            surplus.map((old) => old.id),
          ),
        );
        return row?.id ?? null;
      });
      if (id !== null) events.emit('notification.raised', { id, severity, about, message });
    },
    async markRead(id) {
      const [row] = await change((tx, now) =>
        tx
          .update(notifications)
          .set({ readAt: sql`coalesce(${notifications.readAt}, ${now.getTime()})`, updatedAt: now })
          .where(eq(notifications.id, id))
          .returning(),
      );
      if (!row) throw new NotFound(en.notifications.unknown);
      return row;
    },
    markAllRead: () =>
      change(async (tx, now) => void (await tx.update(notifications).set({ readAt: now, updatedAt: now }).where(isNull(notifications.readAt)))),
    clear: (id) => change(async (tx) => void (await tx.delete(notifications).where(eq(notifications.id, id)))),
    clearAll: () => change(async (tx) => void (await tx.delete(notifications))),
    list: async () => db.select().from(notifications).orderBy(desc(notifications.createdAt)).limit(KEPT),
    countUnread: () =>
      db.remembered('unread notifications', async () => {
        const [row] = await db.select({ unread: count() }).from(notifications).where(isNull(notifications.readAt));
        return row?.unread ?? 0;
      }),
  };
}
