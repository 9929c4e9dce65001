import type { Host, ReadQueries, UserId } from '#core';
import { type Decider, entriesFor } from './compile.ts';
import type { Entry } from './decide.ts';
import { section } from './section.ts';
import { allRules, type Rule, rulesOf } from './store.ts';
import type { Action } from './tables.ts';

/** Knows in which order packets are judged, as the database says in this transaction. */
export interface Judge {
  /** The rules that decide over somebody's packets, own before global; null stands for whoever has none of their own. */
  rulesFor(userId: UserId | null): Promise<readonly Rule[]>;
  entriesFor(userId: UserId | null): Promise<readonly Entry<Decider>[]>;
  /** Reads everybody's rules at once, for questions about everyone; the answer is who has any. */
  loadAll(): Promise<readonly UserId[]>;
}

/** `policy` stands for the default policy where that is just being changed. */
export async function createJudge({ settings, network }: Pick<Host, 'settings' | 'network'>, db: ReadQueries, policy?: Action): Promise<Judge> {
  const defaultPolicy = policy ?? (await settings.read(section, db)).defaultPolicy;
  const topology = await network.topology();
  const global = await rulesOf(db, null);
  let loaded: ReadonlyMap<UserId | null, readonly Rule[]> | null = null;

  async function own(userId: UserId | null): Promise<readonly Rule[]> {
    if (userId === null) return [];
    return loaded === null ? rulesOf(db, userId) : (loaded.get(userId) ?? []);
  }

  return {
    rulesFor: async (userId) => [...(await own(userId)), ...global],
    entriesFor: async (userId) => entriesFor(await own(userId), global, defaultPolicy, topology),
    async loadAll() {
      loaded = Map.groupBy(await allRules(db), ({ userId }) => userId);
      return [...loaded.keys()].filter((userId) => userId !== null);
    },
  };
}
