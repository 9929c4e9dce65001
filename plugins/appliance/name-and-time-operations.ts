import type { Operation } from '#core';
import { type FindBox, statusOf, theBox } from './box.ts';
import { type NameAndTime, nameInput, timeInput } from './name-and-time.ts';
import { statusAnswer } from './operations.ts';
import { text } from './text.ts';

export function nameAndTimeOperations(find: FindBox, nameAndTime: NameAndTime): readonly Operation[] {
  const shared = { tag: 'System', permission: 'system.manage', method: 'PUT', answer: statusAnswer } as const;
  return [
    {
      ...shared,
      id: 'name-system',
      path: '/system/name',
      summary: text.operations.name,
      body: nameInput,
      async handle({ actor, body }) {
        await nameAndTime.rename(actor, body);
        return { body: await statusOf(theBox(find)) };
      },
    },
    {
      ...shared,
      id: 'set-system-time',
      path: '/system/time',
      summary: text.operations.time,
      body: timeInput,
      async handle({ actor, body }) {
        await nameAndTime.setTime(actor, body);
        return { body: await statusOf(theBox(find)) };
      },
    },
  ];
}
