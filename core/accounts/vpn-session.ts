import type { User } from './store.ts';

/** What a person must be told of their VPN session: it ends soon, or is over. */
export type VpnSessionNotice = { readonly kind: 'ends-soon'; readonly at: Date; readonly minutes: number } | { readonly kind: 'over' };

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Null while there is nothing to tell: in the last hour, or the last tenth of a shorter session, there is. */
export function vpnSessionNotice(
  { lastSignedInAt, vpnSessionEndedAt }: Pick<User, 'lastSignedInAt' | 'vpnSessionEndedAt'>,
  durationSeconds: number,
  now: Date,
): VpnSessionNotice | null {
  if (vpnSessionEndedAt !== null) return { kind: 'over' };
  if (durationSeconds === 0 || lastSignedInAt === null) return null;
  const durationMs = durationSeconds * 1_000;
  const at = new Date(lastSignedInAt.getTime() + durationMs);
  if (at <= now) return { kind: 'over' };
  const leftMs = at.getTime() - now.getTime();
  return leftMs <= Math.min(HOUR_MS, durationMs / 10) ? { kind: 'ends-soon', at, minutes: Math.ceil(leftMs / MINUTE_MS) } : null;
}
