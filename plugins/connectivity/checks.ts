import { count, desc, eq, inArray } from 'drizzle-orm';
import { type Actor, after, authorize, Conflict, createWebFetch, type Host, type Listed, NotFound, orderOf, type Page, pageOf, type Term } from '#core';
import { section } from './section.ts';
import { checks } from './tables.ts';
import { text } from './text.ts';

export type Check = typeof checks.$inferSelect;

export interface Checks {
  list(actor: Actor, page: Page): Promise<Listed<Check>>;
  get(actor: Actor, id: string): Promise<Check>;
  /** Fetches the address at once. Throws Conflict when none is set. */
  checkNow(actor: Actor): Promise<Check>;
  /** Fetches it when it is time to. */
  checkWhenDue(): Promise<void>;
}

const KEPT = 500;
const DEADLINE_MS = 10_000;
const MOST_HEADERS = 50;
const LONGEST_HEADER = 500;
/** Characters of a body that are kept. */
export const LONGEST_BODY = 16_384;

const ORDER: readonly Term<Check>[] = [
  { by: checks.checkedAt, of: ({ checkedAt }) => checkedAt, isDescending: true },
  { by: checks.id, of: ({ id }) => id },
];

export function isWell({ status }: Check): boolean {
  return status !== null && status < 400;
}

/** `status 200`, or why there was no answer. */
export function outcomeOf({ status, error }: Check): string {
  return status === null ? error : text.status(status);
}

export function createChecks({ db, audit, clock, settings, events }: Pick<Host, 'db' | 'audit' | 'clock' | 'settings' | 'events'>): Checks {
  let current: Promise<Check> | null = null;

  async function newest(): Promise<Check | null> {
    const [check] = await db
      .select()
      .from(checks)
      .orderBy(...orderOf(ORDER))
      .limit(1);
    return check ?? null;
  }

  /** One at a time; who asks meanwhile gets the same answer. */
  function check(actor: Actor | null): Promise<Check> {
    current ??= fetchAndKeep(actor).finally(() => {
      current = null;
    });
    return current;
  }

  async function fetchAndKeep(actor: Actor | null): Promise<Check> {
    const { url, mayReachThisBox } = await settings.read(section);
    if (url === '') throw new Conflict(text.notSet);
    const before = await newest();
    const begun = performance.now();
    const answer = await createWebFetch({ mayReachThisBox, deadlineMs: DEADLINE_MS })(url).then(readAnswer, readFailure);
    const now = clock.now();
    const values = { ...answer, url, durationMs: Math.round(performance.now() - begun), checkedAt: now, createdAt: now, updatedAt: now };
    const kept = await db.transaction(async (tx) => {
      const [row] = await tx.insert(checks).values(values).returning();
      if (!row) throw new NotFound(text.unknown);
      const surplus = await tx.select({ id: checks.id }).from(checks).orderBy(desc(checks.checkedAt)).limit(KEPT).offset(KEPT);
      await tx.delete(checks).where(
        inArray(
          checks.id,
          surplus.map(({ id }) => id),
        ),
      );
      if (actor) await audit.record(tx, actor, { action: 'connectivity.checked', target: { type: 'connectivity', id: row.id, name: url } });
      return row;
    });
    tell(before, kept);
    return kept;
  }

  /** Once when it begins to fail, and once when it is well again. */
  function tell(before: Check | null, now: Check): void {
    const wasWell = before === null || before.url !== now.url || isWell(before);
    if (isWell(now) === wasWell) return;
    const message = isWell(now) ? text.works(now.url) : text.fails(now.url, outcomeOf(now));
    events.emit('attention.needed', { severity: isWell(now) ? 'info' : 'warning', about: 'connectivity', message });
  }

  return {
    async list(actor, { limit, offset = 0, cursor }) {
      authorize(actor, 'diagnostics.read');
      const found = await db
        .select()
        .from(checks)
        .where(after(ORDER, cursor))
        .orderBy(...orderOf(ORDER))
        .limit(limit + 1)
        .offset(offset);
      const [row] = await db.select({ total: count() }).from(checks);
      return { ...pageOf(ORDER, found, limit), total: row?.total ?? 0 };
    },
    async get(actor, id) {
      authorize(actor, 'diagnostics.read');
      const [found] = await db.select().from(checks).where(eq(checks.id, id));
      if (!found) throw new NotFound(text.unknown);
      return found;
    },
    async checkNow(actor) {
      authorize(actor, 'diagnostics.read');
      return check(actor);
    },
    async checkWhenDue() {
      const { url, intervalSeconds } = await settings.read(section);
      if (url === '') return;
      const last = await newest();
      const isDue = last === null || last.url !== url || clock.now().getTime() - last.checkedAt.getTime() >= intervalSeconds * 1_000;
      if (isDue) await check(null);
    },
  };
}

async function readAnswer(answer: Response): Promise<Pick<Check, 'status' | 'error' | 'headers' | 'body'>> {
  const headers = [...answer.headers].slice(0, MOST_HEADERS).map(([name, value]) => [name.slice(0, LONGEST_HEADER), value.slice(0, LONGEST_HEADER)] as const);
  // NUL ends a text for some programs that read the database.
  return { status: answer.status, error: '', headers, body: (await answer.text()).slice(0, LONGEST_BODY).replaceAll('\0', '�') };
}

function readFailure(error: unknown): Pick<Check, 'status' | 'error' | 'headers' | 'body'> {
  return { status: null, error: error instanceof Error ? error.message : String(error), headers: [], body: '' };
}
