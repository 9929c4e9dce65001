import { z } from 'zod';
import {
  type Actor,
  authorize,
  Conflict,
  email,
  type Host,
  InvalidInput,
  line,
  type Mail,
  type Mailer,
  messageOf,
  originSlot,
  parse,
  prose,
  Unavailable,
} from '#core';
import { deliver, type Server } from './deliver.ts';
import { NotDelivered } from './failure.ts';
import { section } from './section.ts';
import { text } from './text.ts';

export interface BoxMailer extends Mailer {
  /** Sends a test to this address, or to the actor’s own; answers where it went. Throws InvalidInput, Conflict or NotDelivered. */
  test(actor: Actor, input: unknown): Promise<{ readonly to: string }>;
  /** Sends one after the other, and ends early when the server itself fails; answers those that it did not get. */
  sendAll(mails: readonly Mail[], signal: AbortSignal): Promise<readonly Mail[]>;
  /** The settings have changed: failures are worth telling again. */
  forgetFailures(): void;
}

export const testMail = z.strictObject({ to: email.optional() });

/** No line breaks where headers are made, whoever writes the mail. */
const mailSchema = z.strictObject({ to: email, subject: line(1, 200), text: prose(100_000) });

/** A server that is down for a day is told of now and then, not with every mail. */
const TELL_AGAIN_MS = 6 * 3_600_000;

export function createMailer({ settings, secrets, audit, db, clock, events, log, all }: Host): BoxMailer {
  /** When a failing server, and a mail that alone was refused, were told of last. */
  const toldAt = new Map<'server' | 'mail', number>();

  async function isReady(): Promise<boolean> {
    const { host, fromAddress } = await settings.read(section);
    return host !== null && fromAddress !== null;
  }

  async function server(): Promise<Server> {
    const { host, fromAddress, fromName, password, ...others } = await settings.read(section);
    if (host === null || fromAddress === null) throw new Unavailable(text.notSet);
    return { ...others, host, from: { name: fromName, address: fromAddress }, password: password === null ? null : secrets.open(password) };
  }

  const post = async (mail: Mail) => deliver(await server(), parse(mailSchema, mail));

  /** Tells the administrators on the pages; never by mail. */
  function tell(error: unknown): void {
    const why = messageOf(error);
    log.warn({ why }, 'mail not sent');
    const kind = concernsOneMail(error) ? 'mail' : 'server';
    const now = clock.now().getTime();
    if (now - (toldAt.get(kind) ?? Number.NEGATIVE_INFINITY) < TELL_AGAIN_MS) return;
    toldAt.set(kind, now);
    events.emit('attention.needed', { severity: 'error', about: 'mail', message: text.failing(why) });
  }

  async function send(mail: Mail): Promise<void> {
    try {
      await post(mail);
    } catch (error) {
      tell(error);
      throw error;
    }
  }

  return {
    isReady,
    send,
    async sendAll(mails, signal) {
      for (const [index, mail] of mails.entries()) {
        if (signal.aborted) return mails.slice(index);
        try {
          await send(mail);
        } catch (error) {
          if (!concernsOneMail(error)) return mails.slice(index);
        }
      }
      return [];
    },
    async test(actor, input) {
      authorize(actor, 'settings.manage');
      const { to = actor.userId === null ? undefined : actor.name } = parse(testMail, input);
      if (to === undefined) throw new InvalidInput({ to: [text.test.toMissing] });
      if (!(await isReady())) throw new Conflict(text.notSet);
      await post({ to, subject: text.test.subject, text: text.test.text(all(originSlot)[0] ?? '') });
      await db.transaction((tx) =>
        audit.record(tx, actor, { action: 'mail.tested', target: { type: 'settings', id: section.id, name: text.title }, changes: { to } }),
      );
      return { to };
    },
    forgetFailures: () => toldAt.clear(),
  };
}

/** Whether others may get through all the same. */
function concernsOneMail(error: unknown): boolean {
  return error instanceof InvalidInput || (error instanceof NotDelivered && error.concernsRecipient);
}
