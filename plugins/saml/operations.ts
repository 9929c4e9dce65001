import { z } from 'zod';
import { type Actor, type Host, type Operation, type OperationCall, paging } from '#core';
import type { KeyPairs } from './key-pair.ts';
import { certificatesOf, type Providers } from './providers.ts';
import { newProvider, providerChanges } from './schema.ts';
import { describePem } from './service-provider.ts';
import type { Provider } from './store.ts';

interface OperationParts extends Pick<Host, 'db'> {
  readonly providers: Providers;
  readonly keyPairs: KeyPairs;
}

const moment = z.iso.datetime();
const certificateAnswer = z.strictObject({ fingerprint: z.string(), expiresAt: moment });
const providerAnswer = z.strictObject({
  ...Object.fromEntries(Object.entries(newProvider.shape).map(([name, schema]) => [name, schema instanceof z.ZodDefault ? schema.unwrap() : schema])),
  createdAt: moment,
  updatedAt: moment,
  entityId: z.string(),
  signInUrl: z.string(),
  certificates: z.array(certificateAnswer),
  metadataAt: moment,
  fromFile: z.boolean(),
});
const keyAnswer = z.strictObject({ certificates: z.array(certificateAnswer.extend({ pem: z.string() })), isRenewing: z.boolean() });

const shared = { tag: 'SAML', permission: 'settings.manage' } as const;

/** What the API offers: the service functions that the pages call. */
export function samlOperations({ providers, keyPairs }: OperationParts): readonly Operation[] {
  return [...providerOperations(providers), ...keyOperations(keyPairs)];
}

function providerOperations(providers: Providers): readonly Operation[] {
  const idOf = ({ params }: OperationCall) => params['id'] ?? '';
  const one = { ...shared, path: '/saml-providers/:id', answer: providerAnswer } as const;
  return [
    {
      ...shared,
      id: 'list-saml-providers',
      method: 'GET',
      path: '/saml-providers',
      summary: 'List SAML providers',
      query: z.strictObject({ limit: paging.limit }),
      answer: providerAnswer,
      isList: true,
      async handle({ actor, query }) {
        const all = await providers.list(actor);
        return { body: all.slice(0, Number(query['limit'])).map(showProvider), total: all.length, next: null };
      },
    },
    {
      ...shared,
      id: 'create-saml-provider',
      method: 'POST',
      path: '/saml-providers',
      summary: 'Create a SAML provider, from its metadata or the address where they stand',
      body: newProvider,
      answer: providerAnswer,
      status: 201,
      handle: async ({ actor, body }) => ({ body: showProvider(await providers.create(actor, body)) }),
    },
    {
      ...one,
      id: 'get-saml-provider',
      method: 'GET',
      summary: 'One SAML provider',
      handle: async (call) => ({ body: showProvider(await providers.get(call.actor, idOf(call))) }),
    },
    {
      ...one,
      id: 'update-saml-provider',
      method: 'PATCH',
      summary: 'Change a SAML provider',
      body: providerChanges,
      handle: async (call) => ({ body: showProvider(await providers.update(call.actor, idOf(call), call.body)) }),
    },
    {
      ...shared,
      id: 'delete-saml-provider',
      method: 'DELETE',
      path: one.path,
      summary: 'Delete a SAML provider',
      status: 204,
      handle: (call) => providers.remove(call.actor, idOf(call)).then(() => ({})),
    },
    {
      ...one,
      id: 'fetch-saml-metadata',
      method: 'POST',
      path: '/saml-providers/:id/metadata',
      summary: 'Take address and certificates of a SAML provider from its metadata’s address anew',
      handle: async (call) => ({ body: showProvider(await providers.fetchMetadata(call.actor, idOf(call))) }),
    },
  ];
}

function keyOperations(keyPairs: KeyPairs): readonly Operation[] {
  const shownKeys = async () => {
    const certificates = await keyPairs.certificates();
    return { body: { certificates: certificates.map((pem) => ({ ...describePem(pem), pem })), isRenewing: certificates.length > 1 } };
  };
  const act = (id: string, path: string, summary: string, run: (actor: Actor) => Promise<void>): Operation => ({
    ...shared,
    id,
    method: 'POST',
    path,
    summary,
    answer: keyAnswer,
    handle: ({ actor }) => run(actor).then(shownKeys),
  });
  return [
    {
      ...shared,
      id: 'get-saml-key',
      method: 'GET',
      path: '/saml-key',
      summary: 'The certificates that this box shows to SAML providers, the one in use first',
      answer: keyAnswer,
      handle: shownKeys,
    },
    act('renew-saml-key', '/saml-key/renewal', 'Make the next key pair; both are published until the renewal is finished', keyPairs.renew),
    act('finish-saml-key-renewal', '/saml-key/renewal/end', 'Sign with the next key pair, and forget the old one', keyPairs.finishRenewal),
  ];
}

function showProvider(provider: Provider): object {
  return { ...provider, certificates: certificatesOf(provider) };
}
