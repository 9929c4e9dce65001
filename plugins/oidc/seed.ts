import { eq } from 'drizzle-orm';
import { type Host, InvalidInput, parse, providerSeedSlot, type Queries, systemActor } from '#core';
import { isOtherClient, shown, targetOf } from './providers.ts';
import { type NewProvider, newProvider, refuseContradictions } from './schema.ts';
import { allProviders, type Provider } from './store.ts';
import { connections, providers } from './tables.ts';
import { text } from './text.ts';

const ACTOR = systemActor('identity provider file', 'job');

/**
 * Brings the providers of WG_IDP_CONFIG_FILE into the table, by id; what the file no longer names can be edited on the page.
 * Throws InvalidInput, naming provider and field, when one of them is not valid; nothing is changed then.
 */
export async function seedProviders(host: Pick<Host, 'db' | 'audit' | 'clock' | 'secrets' | 'all'>): Promise<void> {
  const seed = readSeed(host.all(providerSeedSlot)[0]?.['oidc']);
  const present = await allProviders(host.db);
  if (seed.length === 0 && !present.some(({ fromFile }) => fromFile)) return;
  await host.db.transaction(async (tx) => {
    for (const given of seed)
      await put(
        host,
        tx,
        given,
        present.find(({ id }) => id === given.id),
      );
    const gone = present.filter(({ id, fromFile }) => fromFile && !seed.some((given) => given.id === id));
    for (const { id } of gone) await tx.update(providers).set({ fromFile: false, updatedAt: host.clock.now() }).where(eq(providers.id, id));
  });
}

async function put({ audit, clock, secrets }: Pick<Host, 'audit' | 'clock' | 'secrets'>, tx: Queries, given: NewProvider, before: Provider | undefined) {
  const now = clock.now();
  // Sealing again gives another text each time, and would look like a change.
  const isSameSecret = before?.clientSecret != null && given.clientSecret !== null && secrets.open(before.clientSecret) === given.clientSecret;
  const sealed = given.clientSecret === null ? null : secrets.seal(given.clientSecret);
  const values = { ...given, clientSecret: isSameSecret ? before.clientSecret : sealed, fromFile: true };
  const changes = shown(before ?? {}, { ...values, createdAt: now, updatedAt: now });
  if (before && Object.keys(changes).length === 0) return;
  if (before && isOtherClient(before, values)) await tx.delete(connections).where(eq(connections.provider, before.id));
  await tx
    .insert(providers)
    .values({ ...values, createdAt: now, updatedAt: now })
    .onConflictDoUpdate({ target: providers.id, set: { ...values, updatedAt: now } });
  await audit.record(tx, ACTOR, { action: `oidc-provider.${before ? 'changed' : 'created'}`, target: targetOf(given), changes });
}

/** The providers in the file, whose fields are spelled as in the API. */
function readSeed(list: unknown): readonly NewProvider[] {
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) throw new InvalidInput({ WG_IDP_CONFIG_FILE: [text.seed.notAList] });
  const seed = list.map(readOne);
  const twice = seed.find(({ id }, index) => seed.findIndex((other) => other.id === id) !== index);
  if (twice) throw new InvalidInput({ WG_IDP_CONFIG_FILE: [text.seed.twice(twice.id)] });
  return seed;
}

function readOne(entry: unknown, index: number): NewProvider {
  const given: Readonly<Record<string, unknown>> = isMapping(entry) ? entry : {};
  const place = text.seed.place(index, given['id']);
  if (!isMapping(entry)) throw new InvalidInput({ '': [text.seed.broken(place, '', text.seed.notAMapping)] });
  try {
    const provider = parse(newProvider, Object.fromEntries(Object.entries(given).map(([name, value]) => [camelCased(name), value])));
    refuseContradictions(provider);
    return provider;
  } catch (cause) {
    if (!(cause instanceof InvalidInput)) throw cause;
    const [[field = '', problems = []] = []] = Object.entries(cause.fields);
    throw new InvalidInput({ '': [text.seed.broken(place, snakeCased(field), problems.join(', '))] }, { cause });
  }
}

function isMapping(entry: unknown): entry is Readonly<Record<string, unknown>> {
  return typeof entry === 'object' && entry !== null && !Array.isArray(entry);
}

function camelCased(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function snakeCased(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
