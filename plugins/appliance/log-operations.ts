import { z } from 'zod';
import type { Operation } from '#core';
import { type Logs, logFilter } from './logs.ts';
import { text } from './text.ts';

const lineAnswer = z.strictObject({ at: z.iso.datetime(), unit: z.string(), priority: z.int(), message: z.string(), cursor: z.string() });

export function logOperations(logs: Logs): readonly Operation[] {
  return [
    {
      id: 'list-system-logs',
      tag: 'System',
      permission: 'system.manage',
      method: 'GET',
      path: '/system/logs',
      summary: text.operations.logs,
      query: logFilter,
      answer: z.strictObject({ lines: z.array(lineAnswer) }),
      handle: async ({ actor, query }) => ({ body: { lines: await logs.read(actor, query) } }),
    },
  ];
}
