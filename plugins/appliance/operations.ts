import { z } from 'zod';
import type { Operation } from '#core';
import { type FindBox, statusOf, theBox } from './box.ts';
import { type Power, resetInput } from './power.ts';
import { text } from './text.ts';

export const statusAnswer = z.strictObject({
  version: z.string(),
  built: z.iso.datetime(),
  kernel: z.string(),
  slot: z.enum(['A', 'B']),
  isOtherGood: z.boolean(),
  otherVersion: z.string().nullable(),
  startsOtherNext: z.boolean(),
  fellBackFrom: z.string().nullable(),
  hostname: z.string(),
  timezone: z.string(),
  ntpServers: z.array(z.string()),
  now: z.iso.datetime(),
  isSynchronised: z.boolean(),
  upSeconds: z.int(),
});

export function systemOperations(find: FindBox, power: Power): readonly Operation[] {
  const shared = { tag: 'System', permission: 'system.manage' } as const;
  const nothing = async (done: Promise<void>) => {
    await done;
    return {};
  };
  return [
    {
      ...shared,
      id: 'get-system',
      method: 'GET',
      path: '/system',
      summary: text.operations.get,
      answer: statusAnswer,
      handle: async () => ({ body: await statusOf(theBox(find)) }),
    },
    {
      ...shared,
      id: 'reboot-system',
      method: 'POST',
      path: '/system/reboot',
      summary: text.operations.reboot,
      status: 204,
      handle: ({ actor }) => nothing(power.reboot(actor)),
    },
    {
      ...shared,
      id: 'power-off-system',
      method: 'POST',
      path: '/system/power-off',
      summary: text.operations.powerOff,
      status: 204,
      handle: ({ actor }) => nothing(power.powerOff(actor)),
    },
    {
      ...shared,
      id: 'reset-system',
      method: 'POST',
      path: '/system/factory-reset',
      summary: text.operations.reset,
      body: resetInput,
      status: 204,
      handle: ({ actor, body }) => nothing(power.factoryReset(actor, body)),
    },
  ];
}
