import { eq } from 'drizzle-orm';
import type { z } from 'zod';
import { type Actor, authorize } from '../accounts/permissions.ts';
import type { Audit } from '../audit/audit.ts';
import type { Changes } from '../audit/tables.ts';
import type { Db, Queries, ReadQueries } from '../db/open.ts';
import type { EventBus } from '../events/bus.ts';
import { parse } from '../parse.ts';
import type { Clock } from '../system/clock.ts';
import type { Secrets } from '../system/secrets.ts';
import { parseKept, secretFields, without } from './secret-fields.ts';
import type { Section } from './sections.ts';
import { settings } from './tables.ts';

export interface Settings {
  /** The section's document, defaults filled in, secrets sealed; inside a transaction as the transaction sees it. */
  read<Schema extends z.ZodObject>(section: Section<Schema>, db?: ReadQueries): Promise<z.output<Schema>>;
  /**
   * Changes the fields that `patch` names and leaves the others; a secret that is null is removed. Throws InvalidInput by field.
   * A guard refuses, by throwing, what is valid by itself but not in the present state.
   */
  update<Schema extends z.ZodObject>(actor: Actor, section: Section<Schema>, patch: unknown): Promise<z.output<Schema>>;
  /** Another process may have changed them: read them anew. */
  forget(): void;
  guard(sectionId: string, check: Guard): () => void;
  /** Puts a whole document back, in somebody's transaction; the caller calls `forget` after it. */
  restore(tx: Queries, sectionId: string, document: Readonly<Record<string, unknown>>): Promise<void>;
}

type Document = Readonly<Record<string, unknown>>;

/** Looks at a change before it is written, in its transaction; refuses by throwing. */
export type Guard = (tx: Queries, next: Document, previous: Document, actor: Actor) => Promise<void>;

interface SettingsParts {
  readonly db: Db;
  readonly audit: Audit;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly secrets: Pick<Secrets, 'seal'>;
}

export function createSettings({ db, audit, events, clock, secrets }: SettingsParts): Settings {
  /** Read at every request, changed hardly ever. */
  const documents = new Map<string, unknown>();
  const guards = new Map<string, Guard[]>();

  async function stored(queries: ReadQueries, id: string): Promise<Readonly<Record<string, unknown>>> {
    const [row] = await queries.select().from(settings).where(eq(settings.section, id));
    return row?.document ?? {};
  }

  async function store(tx: Queries, id: string, document: Document): Promise<void> {
    const row = { document, updatedAt: clock.now() };
    await tx
      .insert(settings)
      .values({ section: id, ...row })
      .onConflictDoUpdate({ target: settings.section, set: row });
  }

  /** What is to be kept when `patch` is put over what is kept: new secrets sealed, the others as they were. */
  function changed({ schema }: Section, before: Document, patch: Document): Document {
    const names = secretFields(schema);
    const document = parse(schema, { ...without(before, names), ...patch });
    const sealed = names.map((name): [string, unknown] => {
      const given = document[name];
      if (patch[name] === undefined) return [name, before[name] ?? null];
      return [name, typeof given === 'string' ? secrets.seal(given) : null];
    });
    return { ...document, ...Object.fromEntries(sealed) };
  }

  return {
    async read(section, queries) {
      if (queries) return parseKept(section.schema, await stored(queries, section.id)) as never;
      const known = documents.get(section.id) ?? parseKept(section.schema, await stored(db, section.id));
      documents.set(section.id, known);
      return known as never;
    },
    forget: () => documents.clear(),
    async update(actor, section, patch) {
      authorize(actor, 'settings.manage');
      const next = await db.transaction(async (tx) => {
        const before = await stored(tx, section.id);
        const document = changed(section, before, patch as Document);
        const previous = parseKept(section.schema, before);
        for (const check of guards.get(section.id) ?? []) await check(tx, document, previous, actor);
        await store(tx, section.id, document);
        const changes = withoutValues(differences(previous, document), secretFields(section.schema));
        await audit.record(tx, actor, { action: 'settings.changed', target: { type: 'settings', id: section.id, name: section.text.title }, changes });
        return document;
      });
      documents.delete(section.id);
      events.emit('settings.changed', { section: section.id });
      return next as never;
    },
    guard(sectionId, check) {
      guards.set(sectionId, [...(guards.get(sectionId) ?? []), check]);
      return () => guards.set(sectionId, guards.get(sectionId)?.filter((other) => other !== check) ?? []);
    },
    restore: store,
  };
}

/** `{ field: [old, new] }` for what differs. */
export function differences(before: Readonly<Record<string, unknown>>, after: Readonly<Record<string, unknown>>): Changes {
  const changed = Object.keys(after).filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
  return Object.fromEntries(changed.map((key) => [key, [before[key] ?? null, after[key] ?? null]]));
}

function withoutValues(changes: Changes, names: readonly string[]): Changes {
  return Object.fromEntries(Object.entries(changes).map(([name, values]) => [name, names.includes(name) ? 'changed' : values]));
}
