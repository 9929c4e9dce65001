import { z } from 'zod';
import type { Operation } from '#core';
import { RANGE_NAMES } from './buckets.ts';
import type { ReadHistory } from './history.ts';

const query = z.strictObject({ device: z.uuid().optional(), user: z.uuid().optional(), range: z.enum(RANGE_NAMES).default('day') });
const bytes = z.int().nonnegative();
const answer = z.strictObject({
  range: z.enum(RANGE_NAMES),
  bucketSeconds: z.int(),
  rxBytes: bytes,
  txBytes: bytes,
  buckets: z.array(z.strictObject({ starts_at: z.iso.datetime(), rx_bytes: bytes, tx_bytes: bytes })),
});

export function trafficOperations(history: ReadHistory): readonly Operation[] {
  return [
    {
      id: 'get-traffic',
      tag: 'Traffic',
      method: 'GET',
      path: '/traffic',
      permission: 'devices.own',
      summary: 'Bytes received from and sent to a device, a user’s devices, or everything that one may see',
      query,
      answer,
      async handle({ actor, query: given }) {
        const { buckets, ...rest } = await history(actor, given as z.output<typeof query>);
        return { body: { ...rest, buckets: buckets.map(({ startsAt, rxBytes, txBytes }) => ({ starts_at: startsAt, rx_bytes: rxBytes, tx_bytes: txBytes })) } };
      },
    },
  ];
}
