import { eq } from 'drizzle-orm';
import { type Actor, authorize, type Host, InvalidInput, NotFound, parse, type Queries, type ReadQueries, type UserId, userById } from '#core';
import type { Decider } from './compile.ts';
import { decide, regionsOf } from './decide.ts';
import { createJudge, type Judge } from './judge.ts';
import { newAssertion, parsePorts, refusePortsWithoutProtocol } from './schema.ts';
import { type Assertion, allAssertions, type Named } from './store.ts';
import { assertions } from './tables.ts';
import { describeAssertion, text } from './text.ts';

/** An assertion that does not hold, by whom, and for which user when it is about everyone. */
export interface Breach {
  readonly assertion: Named<Assertion>;
  readonly by: Decider;
  readonly userId: UserId | null;
}

export interface CheckedAssertion {
  readonly assertion: Named<Assertion>;
  readonly breach: Breach | null;
}

export interface Assertions {
  list(actor: Actor): Promise<readonly CheckedAssertion[]>;
  create(actor: Actor, input: unknown): Promise<Named<Assertion>>;
  remove(actor: Actor, id: string): Promise<Named<Assertion>>;
  get(actor: Actor, id: string): Promise<Named<Assertion>>;
  /** Those that a change breaks which is not committed yet: of rules of these users, or with `null` of the global ones. */
  brokenBy(tx: Queries, judge: Judge, changed: ReadonlySet<UserId | null>): Promise<readonly Breach[]>;
}

export function createAssertions(host: Pick<Host, 'db' | 'settings' | 'network' | 'clock' | 'audit'>): Assertions {
  const { db, clock, audit } = host;

  async function find(queries: ReadQueries, id: string): Promise<Named<Assertion>> {
    const assertion = (await allAssertions(queries)).find((candidate) => candidate.id === id);
    if (!assertion) throw new NotFound(text.assertions.unknown);
    return assertion;
  }

  async function breaches(queries: ReadQueries, judge: Judge, changed: ReadonlySet<UserId | null>): Promise<readonly Breach[]> {
    const all = await allAssertions(queries);
    if (all.length === 0) return [];
    const found: Breach[] = [];
    const withRules = changed.has(null) && all.some(({ userId }) => userId === null) ? await judge.loadAll() : [];
    for (const assertion of all) {
      for (const userId of subjectsOf(assertion, changed, withRules)) {
        const by = breachBy(assertion, await judge.entriesFor(userId));
        if (by === null) continue;
        found.push({ assertion, by, userId });
        break;
      }
    }
    return found;
  }

  return {
    async brokenBy(tx, judge, changed) {
      const broken = await breaches(tx, judge, changed);
      if (broken.length === 0) return [];
      // The reading connection still sees what was before; what was broken already is not this change's doing.
      const before = await breaches(db, await createJudge(host, db), changed);
      return broken.filter(({ assertion }) => !before.some((old) => old.assertion.id === assertion.id));
    },
    async get(actor, id) {
      authorize(actor, 'rules.manage');
      return find(db, id);
    },
    async list(actor) {
      authorize(actor, 'rules.manage');
      const all = await allAssertions(db);
      const concerned = new Set<UserId | null>([null, ...all.map(({ userId }) => userId)]);
      const broken = await breaches(db, await createJudge(host, db), concerned);
      return all.map((assertion) => ({ assertion, breach: broken.find((breach) => breach.assertion.id === assertion.id) ?? null }));
    },
    async create(actor, input) {
      authorize(actor, 'rules.manage');
      const { userId, ...given } = parse(newAssertion, input);
      refusePortsWithoutProtocol(given);
      const now = clock.now();
      return db.transaction(async (tx) => {
        if (userId !== null && (await userById(tx, userId)) === null) throw new InvalidInput({ userId: [text.unknownUser] });
        const [row] = await tx
          .insert(assertions)
          .values({ ...given, userId: userId as UserId | null, createdAt: now, updatedAt: now })
          .returning();
        const assertion = await find(tx, row?.id ?? '');
        await record(tx, actor, 'assertion.created', assertion);
        return assertion;
      });
    },
    async remove(actor, id) {
      authorize(actor, 'rules.manage');
      return db.transaction(async (tx) => {
        const assertion = await find(tx, id);
        await tx.delete(assertions).where(eq(assertions.id, id));
        await record(tx, actor, 'assertion.deleted', assertion);
        return assertion;
      });
    },
  };

  function record(tx: Queries, actor: Actor, action: string, assertion: Named<Assertion>): Promise<void> {
    return audit.record(tx, actor, { action, target: { type: 'assertion', id: assertion.id, name: describeAssertion(assertion) } });
  }
}

/** For whom an assertion is to be checked: its user, or everyone who has rules of their own and whoever has none. */
function subjectsOf({ userId }: Assertion, changed: ReadonlySet<UserId | null>, withRules: readonly UserId[]): readonly (UserId | null)[] {
  const isGlobal = changed.has(null);
  if (userId !== null) return isGlobal || changed.has(userId) ? [userId] : [];
  return isGlobal ? [null, ...withRules] : [...changed];
}

/** Who lets the assertion down, or null when every packet it speaks of meets the expected verdict. */
function breachBy({ expectation, destination, protocol, portRange }: Assertion, entries: Awaited<ReturnType<Judge['entriesFor']>>): Decider | null {
  const expected = expectation === 'reach' ? 'accept' : 'drop';
  for (const region of regionsOf(destination, protocol, portRange === null ? null : parsePorts(portRange))) {
    const wrong = decide(entries, region).find(({ verdict }) => verdict !== expected);
    if (wrong) return wrong.by;
  }
  return null;
}
