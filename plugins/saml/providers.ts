import { eq } from 'drizzle-orm';
import { type Actor, authorize, Conflict, createWebFetch, differences, type Host, InvalidInput, NotFound, parse, type Queries, Unavailable } from '#core';
import { type CertificateFacts, describeCertificate, type IdentityProvider, LARGEST_METADATA_BYTES, readIdpMetadata } from './idp-metadata.ts';
import { newProvider, providerChanges } from './schema.ts';
import { allProviders, type Provider, providerById } from './store.ts';
import { samlProviders } from './tables.ts';
import { text } from './text.ts';

export interface Providers {
  list(actor: Actor): Promise<readonly Provider[]>;
  get(actor: Actor, id: string): Promise<Provider>;
  /** With metadata as XML, or fetched from its address. Throws InvalidInput by field. */
  create(actor: Actor, input: unknown): Promise<Provider>;
  /** Metadata changes only when XML is given. Throws Conflict for a provider from the file. */
  update(actor: Actor, id: string, input: unknown): Promise<Provider>;
  /** Identities that came from it stay connected, and let nobody in while it is away. */
  remove(actor: Actor, id: string): Promise<Provider>;
  /** Takes entity id, address and certificates from the metadata's address anew. Throws InvalidInput when they cannot be had. */
  fetchMetadata(actor: Actor, id: string): Promise<Provider>;
}

const FETCH_DEADLINE_MS = 10_000;

export function createProviders({ db, clock, audit }: Pick<Host, 'db' | 'clock' | 'audit'>): Providers {
  async function get(actor: Actor, id: string, queries: Pick<Queries, 'select'> = db): Promise<Provider> {
    authorize(actor, 'settings.manage');
    const provider = await providerById(queries as Queries, id);
    if (provider === null) throw new NotFound(text.unknown);
    return provider;
  }

  /** Writes what has changed with its audit row. */
  async function change(actor: Actor, id: string, set: Partial<Provider>, action: string): Promise<Provider> {
    return db.transaction(async (tx) => {
      const before = await get(actor, id, tx);
      await tx
        .update(samlProviders)
        .set({ ...set, updatedAt: clock.now() })
        .where(eq(samlProviders.id, id));
      const after = await get(actor, id, tx);
      await audit.record(tx, actor, { action, target: targetOf(after), changes: differences(shown(before), shown(after)) });
      return after;
    });
  }

  return {
    async list(actor) {
      authorize(actor, 'settings.manage');
      return allProviders(db);
    },
    get: (actor, id) => get(actor, id),
    async create(actor, input) {
      authorize(actor, 'settings.manage');
      const given = parse(newProvider, input);
      const metadata = given.metadata.trim() === '' ? await fetchFrom(given) : given.metadata;
      const now = clock.now();
      const row = { ...given, ...(await columnsOf(metadata, now)), fromFile: false, createdAt: now, updatedAt: now };
      return db.transaction(async (tx) => {
        if ((await providerById(tx, row.id)) !== null) throw new InvalidInput({ id: [text.validation.idTaken(row.id)] });
        await tx.insert(samlProviders).values(row);
        await audit.record(tx, actor, { action: 'saml-provider.created', target: targetOf(row), changes: shown(row) });
        return row;
      });
    },
    async update(actor, id, input) {
      authorize(actor, 'settings.manage');
      refuseFromFile(await get(actor, id));
      const { metadata, ...given } = parse(providerChanges, input);
      const set = { ...definedOf(given), ...(metadata === undefined ? {} : await columnsOf(metadata, clock.now())) };
      return change(actor, id, set, 'saml-provider.changed');
    },
    remove: (actor, id) =>
      db.transaction(async (tx) => {
        const provider = await get(actor, id, tx);
        refuseFromFile(provider);
        await tx.delete(samlProviders).where(eq(samlProviders.id, id));
        await audit.record(tx, actor, { action: 'saml-provider.deleted', target: targetOf(provider) });
        return provider;
      }),
    async fetchMetadata(actor, id) {
      const metadata = await fetchFrom(await get(actor, id));
      return change(actor, id, await columnsOf(metadata, clock.now()), 'saml-provider.metadata-fetched');
    },
  };
}

/** The metadata at the provider's address. Throws InvalidInput for the field `metadataUrl` or, without one, `metadata`. */
export async function fetchFrom({ metadataUrl, mayReachThisBox }: Pick<Provider, 'metadataUrl' | 'mayReachThisBox'>): Promise<string> {
  if (metadataUrl === null) throw new InvalidInput({ metadata: [text.validation.metadata] });
  const fetch = createWebFetch({ mayReachThisBox, deadlineMs: FETCH_DEADLINE_MS, largestBytes: LARGEST_METADATA_BYTES });
  try {
    const response = await fetch(metadataUrl, { headers: { accept: 'application/samlmetadata+xml, application/xml, text/xml' } });
    if (!response.ok) throw new Unavailable(text.validation.status(new URL(metadataUrl).host, response.status));
    return await response.text();
  } catch (cause) {
    if (cause instanceof Unavailable) throw new InvalidInput({ metadataUrl: [cause.message] }, { cause });
    throw cause;
  }
}

/** What is stored of metadata: the document, and what was read from it. */
export async function columnsOf(metadata: string, metadataAt: Date): Promise<IdentityProvider & Pick<Provider, 'metadata' | 'metadataAt'>> {
  return { ...(await readIdpMetadata(metadata)), metadata, metadataAt };
}

export function targetOf({ id, label }: Pick<Provider, 'id' | 'label'>) {
  return { type: 'saml-provider', id, name: label };
}

export function certificatesOf({ certificates }: Pick<Provider, 'certificates'>): readonly CertificateFacts[] {
  return certificates.map(describeCertificate);
}

function refuseFromFile({ fromFile }: Provider): void {
  if (fromFile) throw new Conflict(text.fromFile);
}

/** For the audit log: certificates by their fingerprints, and not the whole document. */
export function shown({
  metadata: _document,
  metadataAt: _at,
  createdAt: _made,
  updatedAt: _changed,
  ...provider
}: Provider): Readonly<Record<string, unknown>> {
  return { ...provider, certificates: certificatesOf(provider).map(({ fingerprint }) => fingerprint) };
}

function definedOf<T extends object>(given: T): Partial<Provider> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<Provider>;
}
