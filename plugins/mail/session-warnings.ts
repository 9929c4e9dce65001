import { and, eq, exists, gt, isNull, lte, ne, or } from 'drizzle-orm';
import { devices, type Host, originSlot, securitySection, type UserId, users } from '#core';
import type { BoxMailer } from './mailer.ts';
import { mailSessionWarnings } from './tables.ts';
import { text } from './text.ts';

interface Ending {
  readonly userId: UserId;
  readonly to: string;
  readonly signedInAt: Date;
}

const AHEAD_MS = 3_600_000;

/** Mails whoever's VPN session ends within the hour, or the last tenth of it when that is shorter: once a session. */
export function createSessionWarnings({ db, settings, clock, all }: Host, mailer: BoxMailer): (signal: AbortSignal) => Promise<void> {
  async function ending(durationMs: number): Promise<readonly Ending[]> {
    const now = clock.now().getTime();
    const aheadMs = Math.min(AHEAD_MS, durationMs / 10);
    const hasDevice = db
      .select({ id: devices.id })
      .from(devices)
      .where(and(eq(devices.userId, users.id), isNull(devices.disabledAt), or(isNull(devices.expiresAt), gt(devices.expiresAt, new Date(now)))));
    const rows = await db
      .select({ userId: users.id, to: users.email, signedInAt: users.lastSignedInAt })
      .from(users)
      .leftJoin(mailSessionWarnings, eq(mailSessionWarnings.userId, users.id))
      .where(
        and(
          isNull(users.disabledAt),
          isNull(users.vpnSessionEndedAt),
          gt(users.lastSignedInAt, new Date(now - durationMs)),
          lte(users.lastSignedInAt, new Date(now - durationMs + aheadMs)),
          or(isNull(mailSessionWarnings.signedInAt), ne(mailSessionWarnings.signedInAt, users.lastSignedInAt)),
          exists(hasDevice),
        ),
      );
    return rows.flatMap(({ signedInAt, ...row }) => (signedInAt === null ? [] : [{ ...row, signedInAt }]));
  }

  /** Before the mail goes: whatever happens then, nobody is told twice. */
  async function remember({ userId, signedInAt }: Ending): Promise<void> {
    await db.transaction(async (tx) => {
      await tx.insert(mailSessionWarnings).values({ userId, signedInAt }).onConflictDoUpdate({ target: mailSessionWarnings.userId, set: { signedInAt } });
    });
  }

  async function forget({ userId }: Ending): Promise<void> {
    await db.transaction(async (tx) => {
      await tx.delete(mailSessionWarnings).where(eq(mailSessionWarnings.userId, userId));
    });
  }

  return async (signal) => {
    const { vpnSessionDuration } = await settings.read(securitySection);
    if (vpnSessionDuration === 0 || !(await mailer.isReady())) return;
    const durationMs = vpnSessionDuration * 1_000;
    for (const session of await ending(durationMs)) {
      const endsAt = new Date(session.signedInAt.getTime() + durationMs).toISOString().replace('T', ' ').slice(0, 16);
      const mail = { to: session.to, subject: text.sessionEnds.subject, text: text.sessionEnds.text(`${endsAt} UTC`, all(originSlot)[0] ?? '') };
      await remember(session);
      // The server is down: the others, and this one, are told when it is back.
      if ((await mailer.sendAll([mail], signal)).length > 0) return forget(session);
    }
  };
}
