import { z } from 'zod';
import type { Operation } from '#core';
import { type BoxMailer, testMail } from './mailer.ts';

export function mailOperations(mailer: BoxMailer): readonly Operation[] {
  return [
    {
      id: 'send-test-mail',
      tag: 'Configuration',
      method: 'POST',
      path: '/mail/test',
      permission: 'settings.manage',
      summary: 'Email: send a test, to one’s own address unless another is named; 503 says what the mail server said',
      body: testMail,
      answer: z.strictObject({ to: z.string() }),
      handle: async ({ actor, body }) => ({ body: await mailer.test(actor, body) }),
    },
  ];
}
