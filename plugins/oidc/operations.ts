import { z } from 'zod';
import type { Operation } from '#core';
import type { CheckProvider } from './check.ts';
import type { ListedProvider, Providers } from './providers.ts';
import { newProvider, providerChanges } from './schema.ts';

interface OperationParts {
  readonly providers: Providers;
  readonly check: CheckProvider;
}

const moment = z.iso.datetime();
const providerAnswer = z.strictObject({
  id: z.string(),
  label: z.string(),
  discoveryDocumentUri: z.string(),
  clientId: z.string(),
  hasClientSecret: z.boolean(),
  scope: z.string(),
  autoCreateUsers: z.boolean(),
  allowedDomains: z.array(z.string()),
  adminClaim: z.string().nullable(),
  adminValues: z.array(z.string()),
  trustedForSecondFactor: z.boolean(),
  mayReachThisBox: z.boolean(),
  trailingSlash: z.boolean(),
  enabled: z.boolean(),
  fromFile: z.boolean(),
  people: z.int(),
  createdAt: moment,
  updatedAt: moment,
});
const finding = z.strictObject({ kind: z.enum(['good', 'bad', 'unknown']), sentence: z.string() });

/** What the API offers: the service functions that the pages call. */
export function providerOperations({ providers, check }: OperationParts): readonly Operation[] {
  const shared = { tag: 'OpenID Connect', permission: 'settings.manage' } as const;
  return [
    {
      ...shared,
      id: 'list-oidc-providers',
      method: 'GET',
      path: '/oidc-providers',
      summary: 'List OpenID Connect providers',
      answer: providerAnswer,
      isList: true,
      async handle({ actor }) {
        const all = await providers.list(actor);
        return { body: all.map(show), total: all.length, next: null };
      },
    },
    {
      ...shared,
      id: 'create-oidc-provider',
      method: 'POST',
      path: '/oidc-providers',
      summary: 'Add an OpenID Connect provider',
      body: newProvider,
      answer: providerAnswer,
      status: 201,
      handle: async ({ actor, body }) => ({ body: show(await providers.create(actor, body)) }),
    },
    {
      ...shared,
      id: 'get-oidc-provider',
      method: 'GET',
      path: '/oidc-providers/:id',
      summary: 'One OpenID Connect provider',
      answer: providerAnswer,
      handle: async ({ actor, params }) => ({ body: show(await providers.get(actor, params['id'] ?? '')) }),
    },
    {
      ...shared,
      id: 'update-oidc-provider',
      method: 'PATCH',
      path: '/oidc-providers/:id',
      summary: 'Change an OpenID Connect provider; its secret stays unless it is named',
      body: providerChanges,
      answer: providerAnswer,
      handle: async ({ actor, params, body }) => ({ body: show(await providers.update(actor, params['id'] ?? '', body)) }),
    },
    {
      ...shared,
      id: 'delete-oidc-provider',
      method: 'DELETE',
      path: '/oidc-providers/:id',
      summary: 'Delete an OpenID Connect provider',
      status: 204,
      handle: ({ actor, params }) => providers.remove(actor, params['id'] ?? '').then(() => ({})),
    },
    {
      ...shared,
      id: 'test-oidc-provider',
      method: 'POST',
      path: '/oidc-providers/test',
      summary: 'Try an OpenID Connect provider without saving it',
      body: newProvider,
      answer: z.strictObject({ findings: z.array(finding) }),
      handle: async ({ actor, body }) => ({ body: { findings: await check(actor, body) } }),
    },
  ];
}

function show({ clientSecret, ...provider }: ListedProvider): object {
  return { ...provider, hasClientSecret: clientSecret !== null };
}
