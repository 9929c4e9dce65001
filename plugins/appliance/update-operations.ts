import { z } from 'zod';
import { noFile, type Operation } from '#core';
import { text } from './text.ts';
import { fetchInput, installInput, LARGEST_BYTES, type Updates } from './updates.ts';

const stateAnswer = z.strictObject({
  kind: z.enum(['none', 'receiving', 'ready', 'installing', 'installed', 'failed']),
  version: z.string().nullable(),
  build: z.string().nullable(),
  notes: z.string().nullable(),
  isOlder: z.boolean(),
  bytes: z.int(),
  percent: z.int(),
  problem: z.string().nullable(),
});

export function updateOperations(updates: Updates): readonly Operation[] {
  const shared = { tag: 'System', permission: 'system.manage', answer: stateAnswer } as const;
  return [
    {
      ...shared,
      id: 'get-update',
      method: 'GET',
      path: '/system/update',
      summary: text.operations.update,
      handle: async ({ actor }) => ({ body: await updates.state(actor) }),
    },
    {
      ...shared,
      id: 'upload-update',
      method: 'POST',
      path: '/system/update',
      summary: text.operations.upload,
      file: 'bundle',
      async handle({ actor, upload = noFile }) {
        const { body } = await upload(LARGEST_BYTES);
        await updates.receive(actor, body);
        return { body: await updates.state(actor) };
      },
    },
    {
      ...shared,
      id: 'fetch-update',
      method: 'POST',
      path: '/system/update/fetch',
      summary: text.operations.fetch,
      body: fetchInput,
      async handle({ actor, body }) {
        await updates.fetch(actor, body);
        return { body: await updates.state(actor) };
      },
    },
    {
      ...shared,
      id: 'install-update',
      method: 'POST',
      path: '/system/update/install',
      summary: text.operations.install,
      body: installInput,
      async handle({ actor, body }) {
        await updates.install(actor, body);
        return { body: await updates.state(actor) };
      },
    },
    {
      ...shared,
      id: 'discard-update',
      method: 'DELETE',
      path: '/system/update',
      summary: text.operations.discard,
      async handle({ actor }) {
        await updates.discard(actor);
        return { body: await updates.state(actor) };
      },
    },
  ];
}
