import type { DeviceInput } from './inputs.ts';

/** Whether a device may be a peer now, and if not, why; `until` is when it ends by itself. */
export type Entitlement =
  | { readonly kind: 'entitled'; readonly until: Date | null }
  | { readonly kind: 'disabled' | 'user-disabled' | 'expired' | 'session-expired' | 'never-signed-in' };

type Entitling = Pick<DeviceInput, 'disabledAt' | 'expiresAt' | 'user'>;

/** `vpnSessionDurationSeconds` of 0 means that VPN sessions never run out. */
export function entitlementOf(device: Entitling, vpnSessionDurationSeconds: number, now: Date): Entitlement {
  const { user } = device;
  if (user.disabledAt !== null) return { kind: 'user-disabled' };
  if (device.disabledAt !== null) return { kind: 'disabled' };
  if (device.expiresAt !== null && device.expiresAt <= now) return { kind: 'expired' };
  if (user.vpnSessionEndedAt !== null) return { kind: 'session-expired' };
  if (vpnSessionDurationSeconds === 0) return { kind: 'entitled', until: device.expiresAt };
  if (user.lastSignedInAt === null) return { kind: 'never-signed-in' };
  const sessionEnd = new Date(user.lastSignedInAt.getTime() + vpnSessionDurationSeconds * 1_000);
  if (sessionEnd <= now) return { kind: 'session-expired' };
  return { kind: 'entitled', until: device.expiresAt !== null && device.expiresAt < sessionEnd ? device.expiresAt : sessionEnd };
}
