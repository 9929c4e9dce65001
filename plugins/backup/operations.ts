import { z } from 'zod';
import { type Actor, noFile, type Operation } from '#core';
import { type Door, through } from './door.ts';
import type { Run, Runs } from './runs.ts';
import { text } from './text.ts';

const runAnswer = z.strictObject({
  id: z.string(),
  createdAt: z.date(),
  endedAt: z.date().nullable(),
  trigger: z.enum(['schedule', 'person']),
  state: z.enum(['asked', 'running', 'done', 'failed']),
  place: z.string(),
  file: z.string().nullable(),
  bytes: z.int().nullable(),
  problem: z.string().nullable(),
});
const stagedAnswer = z.strictObject({
  id: z.string(),
  createdAt: z.iso.datetime(),
  version: z.string(),
  users: z.int(),
  devices: z.int(),
  isEncrypted: z.boolean(),
});

/** Checked by the archive itself, which a short one does not open. */
const stageFields = z.strictObject({ passphrase: z.string().max(1_024).optional() });

const shown = ({ updatedAt: _, ...run }: Run) => run;
const ownerOf = ({ userId }: Actor) => `user:${userId}`;

export function backupOperations(runs: Runs, door: Door): readonly Operation[] {
  const shared = { tag: 'Backup', permission: 'system.manage' } as const;
  const staged = { ...shared, path: '/backup/restores/:id' } as const;
  return [
    {
      ...shared,
      id: 'list-backups',
      method: 'GET',
      path: '/backup/runs',
      summary: text.operations.list,
      answer: runAnswer,
      isList: true,
      async handle() {
        const items = (await runs.list()).map(shown);
        return { body: items, total: items.length, next: null };
      },
    },
    {
      ...shared,
      id: 'run-backup',
      method: 'POST',
      path: '/backup/runs',
      summary: text.operations.run,
      answer: runAnswer,
      status: 201,
      handle: async ({ actor }) => ({ body: shown(await runs.ask(actor)) }),
    },
    {
      ...shared,
      id: 'test-backup-place',
      method: 'POST',
      path: '/backup/test',
      summary: text.operations.test,
      status: 204,
      handle: ({ actor }) => runs.test(actor).then(() => ({})),
    },
    {
      ...shared,
      id: 'stage-backup',
      method: 'POST',
      path: '/backup/restores',
      summary: text.operations.stage,
      body: stageFields,
      file: 'archive',
      answer: stagedAnswer,
      status: 201,
      async handle({ actor, upload = noFile }) {
        const backups = through(door);
        const { body, fields } = await upload(backups.largestBytes());
        return { body: await backups.stage(body, fields.get('passphrase') || null, ownerOf(actor)) };
      },
    },
    {
      ...staged,
      id: 'get-staged-backup',
      method: 'GET',
      summary: text.operations.staged,
      answer: stagedAnswer,
      handle: async ({ actor, params }) => ({ body: through(door).staged(params['id'] ?? '', ownerOf(actor)) }),
    },
    {
      ...staged,
      id: 'restore-staged-backup',
      method: 'POST',
      summary: text.operations.confirm,
      status: 204,
      handle: ({ actor, params }) =>
        through(door)
          .restore(actor, params['id'] ?? '', ownerOf(actor))
          .then(() => ({})),
    },
    {
      ...staged,
      id: 'discard-staged-backup',
      method: 'DELETE',
      summary: text.operations.discard,
      status: 204,
      async handle({ actor, params }) {
        through(door).discard(params['id'] ?? '', ownerOf(actor));
        return {};
      },
    },
  ];
}
