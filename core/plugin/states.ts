import { randomUUID } from 'node:crypto';
import { desc, eq, ne } from 'drizzle-orm';
import type { Db } from '../db/open.ts';
import type { Clock } from '../system/clock.ts';
import { pluginStates, serviceStarts } from './tables.ts';

/** Three starts in a row that did not become healthy, and the next one loads no plugin. */
const FAILED_STARTS = 3;

export interface PluginStates {
  isEnabled(id: string): Promise<boolean>;
  setEnabled(id: string, isEnabled: boolean): Promise<void>;
  /** Notes that the service starts and says whether it must start in safe mode. */
  beginStart(): Promise<{ readonly isSafeMode: boolean; markHealthy(): Promise<void> }>;
  /** Forgets the failed starts, so that the next one loads the plugins again. */
  forgetStarts(): Promise<void>;
}

export function createPluginStates(db: Db, clock: Clock): PluginStates {
  return {
    async isEnabled(id) {
      const [row] = await db.select().from(pluginStates).where(eq(pluginStates.id, id));
      return row?.isEnabled ?? true;
    },
    async setEnabled(id, isEnabled) {
      const row = { isEnabled, updatedAt: clock.now() };
      await db.transaction(async (tx) => {
        await tx
          .insert(pluginStates)
          .values({ id, ...row })
          .onConflictDoUpdate({ target: pluginStates.id, set: row });
      });
    },
    async beginStart() {
      const id = randomUUID();
      const recent = await db.select().from(serviceStarts).orderBy(desc(serviceStarts.startedAt)).limit(FAILED_STARTS);
      await db.transaction(async (tx) => {
        await tx.insert(serviceStarts).values({ id, startedAt: clock.now() });
      });
      return {
        isSafeMode: recent.length === FAILED_STARTS && recent.every((start) => start.healthyAt === null),
        markHealthy: () =>
          db.transaction(async (tx) => {
            await tx.delete(serviceStarts).where(ne(serviceStarts.id, id));
            await tx.update(serviceStarts).set({ healthyAt: clock.now() }).where(eq(serviceStarts.id, id));
          }),
      };
    },
    forgetStarts: () =>
      db.transaction(async (tx) => {
        await tx.delete(serviceStarts);
      }),
  };
}
