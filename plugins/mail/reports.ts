import { and, eq, isNull } from 'drizzle-orm';
import { type Events, type Host, originSlot, users } from '#core';
import type { BoxMailer } from './mailer.ts';
import { oneLine } from './one-line.ts';
import { section } from './section.ts';
import { text } from './text.ts';

type Notification = Events['notification.raised'];

export interface Reports {
  /** Keeps it for the next mail. */
  gather(notification: Notification): void;
  /** Mails the administrators what was gathered, when the settings say so. */
  send(signal: AbortSignal): Promise<void>;
}

const MOST_LINES = 50;
const TOLD = { off: [], errors: ['error'], warnings: ['error', 'warning'] } as const;

export function createReports({ db, settings, all }: Host, mailer: BoxMailer): Reports {
  let gathered: Notification[] = [];
  let left = 0;

  return {
    gather(notification) {
      // Mail about mail that fails would fail, and be told, and so on.
      if (notification.about === 'mail') return;
      if (gathered.length < MOST_LINES) gathered.push(notification);
      else left += 1;
    },
    async send(signal) {
      const { notifyAdmins } = await settings.read(section);
      const severities: readonly string[] = TOLD[notifyAdmins];
      const lines = gathered.filter(({ severity }) => severities.includes(severity)).map(({ message }) => `- ${oneLine(message, 1_000)}`);
      const others = left;
      gathered = [];
      left = 0;
      if (lines.length === 0 || !(await mailer.isReady())) return;
      const subject = text.report.subject(lines.length + others);
      const body = text.report.text(lines, others, all(originSlot)[0] ?? '');
      const admins = await db
        .select({ to: users.email })
        .from(users)
        .where(and(eq(users.role, 'admin'), isNull(users.disabledAt)));
      await mailer.sendAll(
        admins.map(({ to }) => ({ to, subject, text: body })),
        signal,
      );
    },
  };
}
