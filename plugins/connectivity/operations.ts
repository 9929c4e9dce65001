import { z } from 'zod';
import { type Operation, type Page, paging } from '#core';
import { type Check, type Checks, isWell } from './checks.ts';

const moment = z.iso.datetime();
const short = z.strictObject({
  id: z.uuid(),
  url: z.string(),
  checkedAt: moment,
  isWell: z.boolean(),
  status: z.int().nullable(),
  error: z.string(),
  durationMs: z.int(),
});
const full = short.extend({ headers: z.array(z.tuple([z.string(), z.string()])), body: z.string() });

export function connectivityOperations(checks: Checks): readonly Operation[] {
  const shared = { tag: 'Diagnostics', permission: 'diagnostics.read' } as const;
  return [
    {
      ...shared,
      id: 'list-connectivity-checks',
      method: 'GET',
      path: '/connectivity/checks',
      summary: 'List connectivity checks, the newest first',
      query: z.strictObject({ limit: paging.limit, cursor: paging.cursor }),
      answer: short,
      isList: true,
      async handle({ actor, query }) {
        const { items, total, next } = await checks.list(actor, query as unknown as Page);
        return { body: items.map(shortened), total, next };
      },
    },
    {
      ...shared,
      id: 'check-connectivity',
      method: 'POST',
      path: '/connectivity/checks',
      summary: 'Fetch the address of the connectivity settings now',
      answer: full,
      status: 201,
      handle: async ({ actor }) => ({ body: shown(await checks.checkNow(actor)) }),
    },
    {
      ...shared,
      id: 'get-connectivity-check',
      method: 'GET',
      path: '/connectivity/checks/:id',
      summary: 'One connectivity check, with the answer’s headers and the beginning of its body',
      answer: full,
      handle: async ({ actor, params }) => ({ body: shown(await checks.get(actor, params['id'] ?? '')) }),
    },
  ];
}

function shown(check: Check): object {
  return { ...shortened(check), headers: check.headers, body: check.body };
}

function shortened(check: Check): object {
  const { id, url, checkedAt, status, error, durationMs } = check;
  return { id, url, checkedAt, isWell: isWell(check), status, error, durationMs };
}
