import { and, count, desc, eq, inArray, isNull } from 'drizzle-orm';
import type { Db, ReadQueries } from '../db/open.ts';
import type { EventBus } from '../events/bus.ts';
import type { Clock } from '../system/clock.ts';
import { notifications, type Severity } from './tables.ts';

export type Notification = typeof notifications.$inferSelect;

export interface Notifications {
  /** Tells the administrators, unless the same is already unread. */
  raise(severity: Severity, about: string, message: string): Promise<void>;
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
    clear: (id) =>
      db.transaction(async (tx) => {
        await tx.delete(notifications).where(eq(notifications.id, id));
      }),
    clearAll: () =>
      db.transaction(async (tx) => {
        await tx.delete(notifications);
      }),
    list: async () => db.select().from(notifications).orderBy(desc(notifications.createdAt)).limit(KEPT),
    async countUnread() {
      const [row] = await db.select({ unread: count() }).from(notifications).where(isNull(notifications.readAt));
      return row?.unread ?? 0;
    },
  };
}
