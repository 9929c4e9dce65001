import { and, eq, notInArray } from 'drizzle-orm';
import { type Host, InvalidInput, parse, systemActor } from '#core';
import { columnsOf, fetchFrom, shown, targetOf } from './providers.ts';
import { type NewProvider, newProvider } from './schema.ts';
import { type Provider, providerById } from './store.ts';
import { samlProviders } from './tables.ts';
import { text } from './text.ts';

export interface Seed {
  /** Fetches what could not be had yet, and plants it. */
  fetchMissing(): Promise<void>;
}

const actor = systemActor('WG_IDP_CONFIG_FILE', 'job');

/**
 * Makes the providers be as the file wants them; what it no longer names can be edited on the page. Throws InvalidInput naming entry and field.
 * Metadata that stands elsewhere is fetched afterwards and once: a provider that does not answer keeps nobody waiting.
 */
export async function plantSeed(host: Pick<Host, 'db' | 'clock' | 'audit' | 'log'>, list: unknown): Promise<Seed> {
  const { db, clock, audit, log } = host;
  const wanted = await readSeed(list);
  let missing: readonly NewProvider[] = [];
  for (const provider of wanted) {
    const metadata = provider.metadata || (await metadataFetchedBefore(provider));
    if (metadata === null) missing = [...missing, provider];
    else await plant(provider, metadata);
  }
  await release(wanted.map(({ id }) => id));

  async function metadataFetchedBefore({ id, metadataUrl }: NewProvider): Promise<string | null> {
    const present = await providerById(db, id);
    return present?.metadataUrl === metadataUrl ? present.metadata : null;
  }

  async function plant(provider: NewProvider, metadata: string): Promise<void> {
    const read = await nameProblems(provider.id, () => columnsOf(metadata, clock.now()));
    await db.transaction(async (tx) => {
      const before = await providerById(tx, provider.id);
      const kept = before?.metadata === metadata ? before.metadataAt : read.metadataAt;
      const now = clock.now();
      const row: Provider = { ...provider, ...read, metadataAt: kept, fromFile: true, createdAt: before?.createdAt ?? now, updatedAt: now };
      if (before !== null && JSON.stringify(shown(before)) === JSON.stringify(shown(row))) return;
      await tx.insert(samlProviders).values(row).onConflictDoUpdate({ target: samlProviders.id, set: row });
      await audit.record(tx, actor, { action: 'saml-provider.seeded', target: targetOf(row), changes: shown(row) });
    });
  }

  async function release(ids: readonly string[]): Promise<void> {
    const others = and(eq(samlProviders.fromFile, true), notInArray(samlProviders.id, [...ids]));
    if ((await db.select({ id: samlProviders.id }).from(samlProviders).where(others)).length === 0) return;
    await db.transaction(async (tx) => {
      await tx.update(samlProviders).set({ fromFile: false, updatedAt: clock.now() }).where(others);
    });
  }

  return {
    async fetchMissing() {
      for (const provider of missing) {
        try {
          await plant(provider, await fetchFrom(provider));
          missing = missing.filter((other) => other !== provider);
        } catch (error) {
          log.warn({ provider: provider.id, error: String(error) }, 'SAML metadata could not be fetched; it is tried again');
        }
      }
    },
  };
}

/** In the file names are written as the API writes them: `email_attribute`. */
async function readSeed(list: unknown): Promise<readonly NewProvider[]> {
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) throw new InvalidInput({ saml: [text.seed.notAList] });
  const wanted = await Promise.all(list.map((entry: unknown, index) => nameProblems(`[${index}]`, async () => readEntry(entry))));
  const twice = wanted.find(({ id }, index) => wanted.findIndex((other) => other.id === id) !== index);
  if (twice) throw new InvalidInput({ [`saml ${twice.id}`]: [text.validation.idTaken(twice.id)] });
  return wanted;
}

function readEntry(entry: unknown): NewProvider {
  if (typeof entry !== 'object' || entry === null) throw new InvalidInput({ '': [text.seed.notAnObject] });
  const provider = parse(newProvider, Object.fromEntries(Object.entries(entry).map(([name, value]) => [camelCase(name), value])));
  if (provider.metadata === '' && provider.metadataUrl === null) throw new InvalidInput({ metadata: [text.validation.metadata] });
  return provider;
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** The same problems with the entry's name before the field's. */
async function nameProblems<T>(entry: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw new InvalidInput(Object.fromEntries(Object.entries(error.fields).map(([name, messages]) => [`saml ${entry} ${name}`.trim(), messages])), {
      cause: error,
    });
  }
}
