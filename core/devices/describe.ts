import { entitlementOf } from '../net/entitlement.ts';
import type { ClientDefaults } from '../settings/sections.ts';
import type { OwnedDevice } from './store.ts';

/** Longer without a handshake, and the device is not connected: WireGuard renews its keys every 2 minutes. */
export const ONLINE_WITHIN_MS = 180_000;

export interface DeviceStatus {
  readonly kind: ReturnType<typeof entitlementOf>['kind'];
  /** When it ends by itself. */
  readonly until: Date | null;
  readonly isOnline: boolean;
}

/** Whether the device may be a peer now, why not, and whether it is connected. */
export function statusOf(device: OwnedDevice, vpnSessionDurationSeconds: number, now: Date): DeviceStatus {
  const entitlement = entitlementOf({ ...device, user: device.owner }, vpnSessionDurationSeconds, now);
  const isEntitled = entitlement.kind === 'entitled';
  const isRecent = device.latestHandshake !== null && now.getTime() - device.latestHandshake.getTime() < ONLINE_WITHIN_MS;
  return { kind: entitlement.kind, until: isEntitled ? entitlement.until : null, isOnline: isEntitled && isRecent };
}

/** The defaults as a person reads them beside “use the default”. */
export function defaultsAsText(defaults: ClientDefaults): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(defaults).map(([key, value]) => [key, Array.isArray(value) ? value.join(', ') : String(value)]));
}
