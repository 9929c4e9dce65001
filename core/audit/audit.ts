import { createHash } from 'node:crypto';
import { desc, gt } from 'drizzle-orm';
import type { Actor } from '../accounts/permissions.ts';
import type { Queries, ReadQueries } from '../db/open.ts';
import type { Clock } from '../system/clock.ts';
import { nextTurn } from '../system/turn.ts';
import { auditLog, type Changes } from './tables.ts';

export interface AuditEntry {
  /** `device.created`, `user.disabled` */
  readonly action: string;
  readonly target: { readonly type: string; readonly id: string | null; readonly name: string };
  /** Fields with their new values, or `[old, new]`. Never a secret. */
  readonly changes?: Changes;
}

export interface Audit {
  /** Writes the row in the caller's transaction, so that what happened and its record stand or fall together. */
  record(tx: Queries, actor: Actor, entry: AuditEntry): Promise<void>;
  /** The first row whose hash does not follow from the one before, or null when the chain is intact. */
  firstBroken(db: ReadQueries): Promise<number | null>;
}

const GENESIS = '0'.repeat(64);
/** Read and hashed at once; other work has its turn after it. */
const PORTION = 500;

type Row = typeof auditLog.$inferSelect;

export function createAudit(clock: Clock): Audit {
  return {
    async record(tx, actor, { action, target, changes = {} }) {
      const [last] = await tx.select({ hash: auditLog.hash }).from(auditLog).orderBy(desc(auditLog.seq)).limit(1);
      const row = {
        at: clock.now(),
        actorId: actor.userId,
        actor: actor.name,
        via: actor.via,
        action,
        targetType: target.type,
        targetId: target.id,
        target: target.name,
        changes,
        ip: actor.ip,
      };
      await tx.insert(auditLog).values({ ...row, hash: chain(last?.hash ?? GENESIS, row) });
    },
    async firstBroken(db) {
      let previous = { seq: 0, hash: GENESIS };
      for (;;) {
        const rows = await db.select().from(auditLog).where(gt(auditLog.seq, previous.seq)).orderBy(auditLog.seq).limit(PORTION);
        for (const row of rows) {
          if (row.seq !== previous.seq + 1 || row.hash !== chain(previous.hash, row)) return row.seq;
          previous = row;
        }
        if (rows.length < PORTION) return null;
        await nextTurn();
      }
    },
  };
}

function chain(previous: string, row: Omit<Row, 'seq' | 'hash'>): string {
  const content = [
    row.at.getTime(),
    row.actorId,
    row.actor,
    row.via,
    row.action,
    row.targetType,
    row.targetId,
    row.target,
    JSON.stringify(row.changes),
    row.ip,
  ];
  return createHash('sha256').update(previous).update(JSON.stringify(content)).digest('hex');
}
