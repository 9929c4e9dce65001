import { and, asc, eq, gt, lte, max } from 'drizzle-orm';
import { userByEmail } from '../accounts/store.ts';
import type { ReadQueries } from '../db/open.ts';
import { deviceById } from '../devices/store.ts';
import type { EventBus } from '../events/bus.ts';
import type { DeviceId, UserId } from '../net/inputs.ts';
import type { AuditRow } from './store.ts';
import { auditLog } from './tables.ts';

/** What the command line has done beside the running service, known by the audit log, which both write to. */
export interface ForeignActs {
  /** Emits the events of what was done since the last time, or since this was made. */
  tell(): Promise<void>;
}

export async function createForeignActs(db: ReadQueries, events: EventBus): Promise<ForeignActs> {
  let seen = await newest();

  async function newest(): Promise<number> {
    const [row] = await db.select({ seq: max(auditLog.seq) }).from(auditLog);
    return row?.seq ?? 0;
  }

  async function ownerOfDevice({ targetId, changes }: AuditRow): Promise<UserId | null> {
    const device = await deviceById(db, targetId ?? '');
    if (device !== null) return device.userId;
    const { owner } = changes;
    return typeof owner === 'string' ? ((await userByEmail(db, owner))?.id ?? null) : null;
  }

  async function tellOf(row: AuditRow): Promise<void> {
    const { targetType, targetId, action } = row;
    if (targetId === null) return;
    const isGone = action.endsWith('.deleted');
    if (targetType === 'user') events.emit(isGone ? 'user.deleted' : 'user.changed', { userId: targetId as UserId });
    if (targetType === 'rule') events.emit('rules.changed', { ruleId: targetId, userId: null });
    if (targetType !== 'device') return;
    const userId = await ownerOfDevice(row);
    if (userId !== null) events.emit(isGone ? 'device.deleted' : 'device.changed', { deviceId: targetId as DeviceId, userId });
  }

  return {
    async tell() {
      const since = seen;
      seen = await newest();
      const rows = await db
        .select()
        .from(auditLog)
        .where(and(gt(auditLog.seq, since), lte(auditLog.seq, seen), eq(auditLog.via, 'cli')))
        .orderBy(asc(auditLog.seq));
      for (const row of rows) await tellOf(row);
    },
  };
}
