import type { User } from './store.ts';

/** What a person must be told of their VPN session: it ends soon, or is over. */
export type VpnSessionNotice = { readonly kind: 'ends-soon'; readonly at: Date; readonly minutes: number } | { readonly kind: 'over' };

type SignedIn = Pick<User, 'lastSignedInAt' | 'vpnSessionEndedAt'>;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Null while there is nothing to tell: in the last hour, or the last tenth of a shorter session, there is. */
export function vpnSessionNotice(user: SignedIn, durationSeconds: number, now: Date): VpnSessionNotice | null {
  if (user.vpnSessionEndedAt !== null) return { kind: 'over' };
  const moments = momentsOf(user, durationSeconds);
  if (moments === null || now < moments.warning) return null;
  const leftMs = moments.end.getTime() - now.getTime();
  return leftMs <= 0 ? { kind: 'over' } : { kind: 'ends-soon', at: moments.end, minutes: Math.ceil(leftMs / MINUTE_MS) };
}

/** When there is next something else to tell; null when that does not come by itself. */
export function nextVpnSessionNotice(user: SignedIn, durationSeconds: number, now: Date): Date | null {
  const moments = momentsOf(user, durationSeconds);
  return moments === null ? null : ([moments.warning, moments.end].find((moment) => moment > now) ?? null);
}

function momentsOf({ lastSignedInAt, vpnSessionEndedAt }: SignedIn, durationSeconds: number) {
  if (durationSeconds === 0 || lastSignedInAt === null || vpnSessionEndedAt !== null) return null;
  const durationMs = durationSeconds * 1_000;
  const endMs = lastSignedInAt.getTime() + durationMs;
  return { warning: new Date(endMs - Math.min(HOUR_MS, durationMs / 10)), end: new Date(endMs) };
}
