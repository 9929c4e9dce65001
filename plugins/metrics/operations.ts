import { z } from 'zod';
import type { Operation } from '#core';
import type { MetricsAccess } from './access.ts';

export function metricsOperations(access: MetricsAccess): readonly Operation[] {
  const shared = { tag: 'Configuration', path: '/metrics/token', permission: 'settings.manage' } as const;
  return [
    {
      ...shared,
      id: 'create-metrics-token',
      method: 'POST',
      summary: 'Make the token for /metrics in the place of the one before; it is answered once',
      answer: z.strictObject({ token: z.string() }),
      answersSecret: true,
      status: 201,
      handle: async ({ actor }) => ({ body: { token: await access.makeToken(actor) } }),
    },
    {
      ...shared,
      id: 'delete-metrics-token',
      method: 'DELETE',
      summary: 'Remove the token for /metrics',
      status: 204,
      handle: ({ actor }) => access.removeToken(actor).then(() => ({})),
    },
  ];
}
