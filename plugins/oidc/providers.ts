import { eq } from 'drizzle-orm';
import { type Actor, authorize, Conflict, differences, type Host, InvalidInput, NotFound, parse, type Queries, type ReadQueries } from '#core';
import { type NewProvider, newProvider, providerChanges, refuseContradictions } from './schema.ts';
import { allProviders, identityCounts, type Provider, providerById } from './store.ts';
import { connections, providers } from './tables.ts';
import { text } from './text.ts';

export interface Providers {
  /** All, with how many people have connected each. */
  list(actor: Actor): Promise<readonly ListedProvider[]>;
  get(actor: Actor, id: string): Promise<ListedProvider>;
  /** Throws InvalidInput by field. */
  create(actor: Actor, input: unknown): Promise<ListedProvider>;
  /** The secret stays when it is not named. Throws InvalidInput, or Conflict when the provider stands in the file. */
  update(actor: Actor, id: string, input: unknown): Promise<ListedProvider>;
  /** With the tokens of its people; who is connected stays connected, should it come back. */
  remove(actor: Actor, id: string): Promise<ListedProvider>;
}

export type ListedProvider = Provider & { readonly people: number };

type Columns = Omit<Provider, 'id' | 'createdAt' | 'updatedAt' | 'fromFile'>;

export function createProviders({ db, audit, clock, secrets }: Pick<Host, 'db' | 'audit' | 'clock' | 'secrets'>): Providers {
  async function existing(queries: ReadQueries, id: string): Promise<Provider> {
    const provider = await providerById(queries, id);
    if (provider === null) throw new NotFound(text.providers.unknown);
    return provider;
  }

  async function editable(tx: Queries, id: string): Promise<Provider> {
    const provider = await existing(tx, id);
    if (provider.fromFile) throw new Conflict(text.providers.managedByFile);
    return provider;
  }

  async function withPeople(provider: Provider): Promise<ListedProvider> {
    return { ...provider, people: (await identityCounts(db)).get(provider.id) ?? 0 };
  }

  return {
    async list(actor) {
      authorize(actor, 'settings.manage');
      const counts = await identityCounts(db);
      return (await allProviders(db)).map((provider) => ({ ...provider, people: counts.get(provider.id) ?? 0 }));
    },
    async get(actor, id) {
      authorize(actor, 'settings.manage');
      return withPeople(await existing(db, id));
    },
    async create(actor, input) {
      authorize(actor, 'settings.manage');
      const given = parse(newProvider, input);
      refuseContradictions(given);
      const now = clock.now();
      const provider = await db.transaction(async (tx) => {
        if ((await providerById(tx, given.id)) !== null) throw new InvalidInput({ id: [text.providers.idTaken(given.id)] });
        const values = { ...given, clientSecret: sealed(given), fromFile: false, createdAt: now, updatedAt: now };
        await tx.insert(providers).values(values);
        await audit.record(tx, actor, { action: 'oidc-provider.created', target: targetOf(given), changes: shown({}, values) });
        return existing(tx, given.id);
      });
      return withPeople(provider);
    },
    async update(actor, id, input) {
      authorize(actor, 'settings.manage');
      const given = parse(providerChanges, input);
      const provider = await db.transaction(async (tx) => {
        const before = await editable(tx, id);
        const { clientSecret, ...columns } = given;
        const next: Provider = {
          ...before,
          ...(columns as Partial<Columns>),
          ...(clientSecret === undefined ? {} : { clientSecret: sealed({ clientSecret }) }),
        };
        refuseContradictions(next);
        await refuseCarryingOver(tx, before, next, clientSecret);
        await tx
          .update(providers)
          .set({ ...next, updatedAt: clock.now() })
          .where(eq(providers.id, id));
        await audit.record(tx, actor, { action: 'oidc-provider.changed', target: targetOf(next), changes: shown(before, next) });
        return existing(tx, id);
      });
      return withPeople(provider);
    },
    async remove(actor, id) {
      authorize(actor, 'settings.manage');
      const provider = await db.transaction(async (tx) => {
        const before = await editable(tx, id);
        await tx.delete(providers).where(eq(providers.id, id));
        await audit.record(tx, actor, { action: 'oidc-provider.deleted', target: targetOf(before) });
        return before;
      });
      return withPeople(provider);
    },
  };

  function sealed({ clientSecret }: Pick<NewProvider, 'clientSecret'>): Columns['clientSecret'] {
    return clientSecret === null ? null : secrets.seal(clientSecret);
  }
}

/** Secrets are never sent elsewhere than where they were entered for: not the client's, not people's tokens. */
async function refuseCarryingOver(tx: Queries, before: Provider, next: Provider, newSecret: string | null | undefined): Promise<void> {
  if (!isOtherClient(before, next)) return;
  if (before.clientSecret !== null && newSecret === undefined) throw new InvalidInput({ clientSecret: [text.providers.secretAgain] });
  await tx.delete(connections).where(eq(connections.provider, before.id));
}

export function isOtherClient(before: Pick<Provider, 'discoveryDocumentUri' | 'clientId'>, next: Pick<Provider, 'discoveryDocumentUri' | 'clientId'>): boolean {
  return before.discoveryDocumentUri !== next.discoveryDocumentUri || before.clientId !== next.clientId;
}

export function targetOf({ id, label }: Pick<Provider, 'id' | 'label'>) {
  return { type: 'oidc-provider', id, name: label };
}

/** What changed, for the audit log; of the secret only that it did. */
export function shown(before: Partial<Provider>, after: Omit<Provider, 'id'>): Readonly<Record<string, unknown>> {
  const plain = ({ clientSecret: _secret, createdAt: _created, updatedAt: _updated, ...columns }: Partial<Provider>) => columns;
  const changes = differences(plain(before), plain(after));
  return before.clientSecret === after.clientSecret ? changes : { ...changes, clientSecret: 'changed' };
}
