import { eq } from 'drizzle-orm';
import { type Actor, authorize, systemActor } from '../accounts/permissions.ts';
import type { Audit } from '../audit/audit.ts';
import type { Db, Queries } from '../db/open.ts';
import { Conflict, NotFound } from '../errors.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';
import { provisionalChanges } from './tables.ts';

export type ProvisionalChange = typeof provisionalChanges.$inferSelect;

/** A change that may cut its author off from this box: undone after a minute unless confirmed, also across a restart. */
export interface Provisional {
  /** Written in the change's own transaction; `undo` is what the owner's reverter will be given. Throws Conflict while another one waits. */
  begin(tx: Queries, actor: Actor, change: { readonly owner: string; readonly title: string; readonly undo: unknown }): Promise<void>;
  /** Throws Conflict when a change of this owner waits: an undo must not take a later change with it. */
  refuseWhileWaiting(tx: Queries, owner: string): Promise<void>;
  waiting(): ProvisionalChange | null;
  confirm(actor: Actor, id: string): Promise<void>;
  undo(actor: Actor, id: string): Promise<void>;
  start(): Promise<void>;
  stop(): void;
}

interface ProvisionalParts {
  readonly db: Db;
  readonly audit: Audit;
  readonly clock: Clock;
  /** Takes back what the owner did; false while the owner is not running. */
  readonly revert: (tx: Queries, owner: string, undo: unknown) => Promise<boolean>;
  /** The title of a change that was taken back because nobody confirmed it, or on demand. */
  readonly onUndone: (title: string, isByTime: boolean) => Promise<void>;
}

const CONFIRM_WITHIN_MS = 60_000;
const RETRY_MS = 5_000;

export function createProvisional({ db, audit, clock, revert, onUndone }: ProvisionalParts): Provisional {
  let current: ProvisionalChange | null = null;
  let cancel = () => {};

  /** After the transaction that is being written now, however it ends. */
  async function reload(): Promise<void> {
    await db.transaction(async (tx) => {
      const [row] = await tx.select().from(provisionalChanges);
      current = row ?? null;
    });
    cancel();
    if (current !== null) cancel = clock.after(Math.max(current.expiresAt.getTime() - clock.now().getTime(), 0), () => void expire());
  }

  async function expire(): Promise<void> {
    const change = current;
    if (change === null) return;
    const isDone = await takeBack(systemActor('commit-confirm', 'job'), change, true).catch(() => false);
    if (!isDone) cancel = clock.after(RETRY_MS, () => void expire());
  }

  async function takeBack(actor: Actor, change: ProvisionalChange, isByTime: boolean): Promise<boolean> {
    const isDone = await db.transaction(async (tx) => {
      const [row] = await tx.delete(provisionalChanges).where(eq(provisionalChanges.id, change.id)).returning();
      if (!row) return true;
      if (!(await revert(tx, change.owner, change.undo))) {
        await tx.insert(provisionalChanges).values(row);
        return false;
      }
      await audit.record(tx, actor, { action: 'change.undone', target: targetOf(change) });
      return true;
    });
    await reload();
    if (isDone) await onUndone(change.title, isByTime);
    return isDone;
  }

  async function existing(tx: Queries, id: string): Promise<ProvisionalChange> {
    const [row] = await tx.select().from(provisionalChanges).where(eq(provisionalChanges.id, id));
    if (!row) throw new NotFound(en.provisional.gone);
    return row;
  }

  return {
    waiting: () => current,
    async begin(tx, actor, { owner, title, undo }) {
      const [other] = await tx.select().from(provisionalChanges);
      if (other) throw new Conflict(en.provisional.another(other.title));
      const now = clock.now();
      await tx
        .insert(provisionalChanges)
        .values({ owner, title, undo, actor: actor.name, expiresAt: new Date(now.getTime() + CONFIRM_WITHIN_MS), createdAt: now, updatedAt: now });
      void reload();
    },
    async refuseWhileWaiting(tx, owner) {
      const [other] = await tx.select().from(provisionalChanges).where(eq(provisionalChanges.owner, owner));
      if (other) throw new Conflict(en.provisional.another(other.title));
    },
    async confirm(actor, id) {
      authorize(actor, 'settings.manage');
      await db.transaction(async (tx) => {
        const change = await existing(tx, id);
        await tx.delete(provisionalChanges).where(eq(provisionalChanges.id, id));
        await audit.record(tx, actor, { action: 'change.confirmed', target: targetOf(change) });
      });
      await reload();
    },
    async undo(actor, id) {
      authorize(actor, 'settings.manage');
      const change = await db.transaction((tx) => existing(tx, id));
      if (!(await takeBack(actor, change, false))) throw new Conflict(en.provisional.ownerIsOff);
    },
    start: reload,
    stop: () => cancel(),
  };
}

function targetOf({ id, title }: ProvisionalChange): { readonly type: 'change'; readonly id: string; readonly name: string } {
  return { type: 'change', id, name: title };
}
