import { desc, eq, inArray } from 'drizzle-orm';
import { type Actor, authorize, type BackupPlace, backupsSlot, type Host, messageOf, originSlot, systemActor } from '#core';
import { through } from './door.ts';
import { isDue, nextMoment } from './schedule.ts';
import { type BackupSettings, describePlace, section, targetOf } from './section.ts';
import { backupRuns } from './tables.ts';
import { text } from './text.ts';

export type Run = typeof backupRuns.$inferSelect;

export interface Runs {
  list(): Promise<readonly Run[]>;
  /** When one succeeded last, and when the next is made. */
  times(): Promise<{ readonly last: Date | null; readonly next: Date | null }>;
  /** It is made within a second, in the background. Throws InvalidInput while the place is not set. */
  ask(actor: Actor): Promise<Run>;
  /** Throws InvalidInput or Unavailable, saying what is wrong with the place. */
  test(actor: Actor): Promise<void>;
  /** Makes what was asked for, or is due. */
  work(signal: AbortSignal): Promise<void>;
  /** Throws InvalidInput when such settings could never make a backup. */
  check(settings: BackupSettings): Promise<void>;
}

const MOST_KEPT = 50;

export function createRuns({ db, audit, clock, secrets, settings, events, log, all }: Host): Runs {
  const backups = () => through(() => all(backupsSlot)[0]);
  const placeOf = (present: BackupSettings) => backups().place(targetOf(present, secrets.open));

  const list = async () => db.remembered('backup.runs', async () => db.select().from(backupRuns).orderBy(desc(backupRuns.createdAt)).limit(MOST_KEPT));

  async function insert(trigger: Run['trigger'], present: BackupSettings, actor: Actor | null): Promise<Run> {
    const now = clock.now();
    const place = describePlace(present);
    return db.transaction(async (tx) => {
      const [row] = await tx.insert(backupRuns).values({ trigger, place, state: 'asked', createdAt: now, updatedAt: now }).returning();
      if (!row) throw new Error('an insert answered nothing');
      if (actor !== null) await audit.record(tx, actor, { action: 'backup.asked', target: { type: 'backup', id: row.id, name: place } });
      const kept = await tx.select({ id: backupRuns.id }).from(backupRuns).orderBy(desc(backupRuns.createdAt)).limit(1_000).offset(MOST_KEPT);
      if (kept.length > 0)
        await tx.delete(backupRuns).where(
          inArray(
            backupRuns.id,
            kept.map(({ id }) => id),
          ),
        );
      return row;
    });
  }

  const change = (id: string, values: Partial<Run>) =>
    db.transaction(
      async (tx) =>
        void (await tx
          .update(backupRuns)
          .set({ ...values, updatedAt: clock.now() })
          .where(eq(backupRuns.id, id))),
    );

  /** This job alone makes backups: whatever else is said to be running has ended with its process. */
  async function endInterrupted(): Promise<void> {
    for (const { id } of (await list()).filter(({ state }) => state === 'running'))
      await change(id, { state: 'failed', problem: text.runs.interrupted, endedAt: clock.now() });
  }

  async function make(run: Run, present: BackupSettings, signal: AbortSignal): Promise<void> {
    const place = placeOf(present);
    const box = boxName(all(originSlot)[0] ?? '');
    const isEncrypted = present.passphrase !== null;
    const file = `wiregui-${box}-${stamp(clock.now())}.tar.gz${isEncrypted ? '.age' : ''}`;
    const passphrase = present.passphrase === null ? null : secrets.open(present.passphrase);
    const { bytes } = await place.put(file, () => backups().read(passphrase), signal);
    await removeOld(place, box, present.keep);
    await db.transaction(async (tx) => {
      await tx.update(backupRuns).set({ state: 'done', file, bytes, endedAt: clock.now(), updatedAt: clock.now() }).where(eq(backupRuns.id, run.id));
      const target = { type: 'backup', id: run.id, name: file };
      await audit.record(tx, systemActor(text.job, 'job'), { action: 'backup.made', target, changes: { place: run.place, isEncrypted } });
    });
  }

  async function carryOut(run: Run, present: BackupSettings, signal: AbortSignal): Promise<void> {
    const before = (await list()).find(({ id, state }) => id !== run.id && (state === 'done' || state === 'failed'));
    await change(run.id, { state: 'running' });
    try {
      await make(run, present, signal);
    } catch (error) {
      const problem = messageOf(error);
      log.warn({ place: run.place, problem }, 'backup failed');
      await change(run.id, { state: 'failed', problem, endedAt: clock.now() });
      // Told once: until one succeeds again, the next failures are no news.
      if (before?.state !== 'failed') events.emit('attention.needed', { severity: 'error', about: 'backup', message: text.failed(run.place, problem) });
    }
  }

  return {
    list,
    async times() {
      const [last] = await db
        .select({ at: backupRuns.endedAt })
        .from(backupRuns)
        .where(eq(backupRuns.state, 'done'))
        .orderBy(desc(backupRuns.createdAt))
        .limit(1);
      return { last: last?.at ?? null, next: nextMoment(await settings.read(section), clock.now()) };
    },
    async ask(actor) {
      authorize(actor, 'system.manage');
      const present = await settings.read(section);
      targetOf(present, secrets.open);
      return insert('person', present, actor);
    },
    async test(actor) {
      authorize(actor, 'system.manage');
      const present = await settings.read(section);
      await placeOf(present).test();
      const target = { type: 'settings', id: section.id, name: describePlace(present) };
      await db.transaction((tx) => audit.record(tx, actor, { action: 'backup.tested', target }));
    },
    async work(signal) {
      const runs = await list();
      const present = await settings.read(section);
      const asked = runs.findLast(({ state }) => state === 'asked');
      const last = runs.find(({ trigger }) => trigger === 'schedule') ?? null;
      const next = asked ?? (isDue(present, last, clock.now()) ? await insert('schedule', present, null) : null);
      if (next === null) return;
      await endInterrupted();
      await carryOut(next, present, signal);
    },
    async check(next) {
      const target = targetOf(next, secrets.open);
      // What is on another server is tried by a button: it takes its time.
      if (target.kind === 'folder') await backups().place(target).test();
    },
  };
}

/** Only of this box: others may use the same place. */
async function removeOld(place: BackupPlace, box: string, keep: number): Promise<void> {
  const prefix = `wiregui-${box}-`;
  const own = (await place.list()).filter((name) => name.startsWith(prefix) && /^\d{8}T/.test(name.slice(prefix.length)));
  for (const name of own.slice(0, -keep)) await place.remove(name);
}

export function boxName(origin: string): string {
  const name = (URL.parse(origin)?.hostname ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, '-')
    .slice(0, 100);
  return name === '' ? 'box' : name;
}

/** `20261125T030000Z` */
export function stamp(at: Date): string {
  return at.toISOString().replace(/[-:]|\.\d+/g, '');
}
