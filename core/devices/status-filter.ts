import { and, gt, isNotNull, isNull, lte, not, or, type SQL, sql } from 'drizzle-orm';
import { users } from '../accounts/tables.ts';
import type { Entitlement } from '../net/entitlement.ts';
import { ONLINE_WITHIN_MS } from './describe.ts';
import { devices } from './tables.ts';

export type StatusFilter = Entitlement['kind'] | 'online';
export const STATUS_FILTERS = [
  'online',
  'entitled',
  'disabled',
  'expired',
  'session-expired',
  'never-signed-in',
  'user-disabled',
] as const satisfies readonly StatusFilter[];

/** What `entitlementOf` decides for one device, as a condition on devices joined with their owners. */
export function hasStatus(status: StatusFilter, vpnSessionDurationSeconds: number, now: Date): SQL | undefined {
  const hasDuration = vpnSessionDurationSeconds > 0;
  const hasRunOut = lte(users.lastSignedInAt, new Date(now.getTime() - vpnSessionDurationSeconds * 1_000));
  // In the order in which they are asked: the first that is true decides.
  const obstacles: readonly (readonly [Entitlement['kind'], SQL | undefined])[] = [
    ['user-disabled', isNotNull(users.disabledAt)],
    ['disabled', isNotNull(devices.disabledAt)],
    ['expired', and(isNotNull(devices.expiresAt), lte(devices.expiresAt, now))],
    ['session-expired', isNotNull(users.vpnSessionEndedAt)],
    ['never-signed-in', hasDuration ? isNull(users.lastSignedInAt) : sql`0`],
    ['session-expired', hasDuration ? and(isNotNull(users.lastSignedInAt), hasRunOut) : sql`0`],
  ];
  const unless = (conditions: typeof obstacles) => conditions.map(([, condition]) => (condition ? not(condition) : undefined));
  if (status === 'online')
    return and(...unless(obstacles), isNotNull(devices.latestHandshake), gt(devices.latestHandshake, new Date(now.getTime() - ONLINE_WITHIN_MS)));
  if (status === 'entitled') return and(...unless(obstacles));
  return or(...obstacles.map(([kind, condition], index) => (kind === status ? and(...unless(obstacles.slice(0, index)), condition) : undefined)));
}
