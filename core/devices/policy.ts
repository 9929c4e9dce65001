import { type Actor, allows } from '../accounts/permissions.ts';
import type { ReadQueries } from '../db/open.ts';
import { Forbidden, InvalidInput } from '../errors.ts';
import type { CoreSections, SecuritySettings } from '../settings/sections.ts';
import type { Settings } from '../settings/settings.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';
import { ADMIN_FIELDS, type DeviceChanges, OVERRIDES } from './schema.ts';
import { countDevices } from './store.ts';

/** What the settings allow people to do with devices; whoever manages everybody's is not bound by it. */
export interface DevicePolicy {
  refuseWithoutSelfService(actor: Actor): Promise<void>;
  /** Throws InvalidInput for fields that this actor may not set. */
  refuseForbiddenFields(actor: Actor, given: DeviceChanges): Promise<void>;
  /** Throws InvalidInput when the owner has as many devices as allowed; administrators may give others more. */
  refuseTooMany(tx: ReadQueries, actor: Actor, ownerId: string): Promise<void>;
  /** When a device expires for which nobody has said it; null: never. */
  usualExpiry(tx?: ReadQueries): Promise<Date | null>;
}

interface PolicyParts {
  readonly settings: Settings;
  readonly sections: CoreSections;
  readonly clock: Clock;
}

const DAY_MS = 86_400_000;

type Override = (typeof OVERRIDES)[number][1];
const SWITCHES = {
  endpoint: 'allowEndpoint',
  dns: 'allowDns',
  allowedIps: 'allowAllowedIps',
  mtu: 'allowMtu',
  persistentKeepalive: 'allowPersistentKeepalive',
} as const satisfies Readonly<Record<Override, keyof SecuritySettings>>;

/** The overrides that users may set on their own devices. */
export function allowedOverrides(security: SecuritySettings): readonly Override[] {
  return security.allowOverrides ? OVERRIDES.map(([, name]) => name).filter((name) => security[SWITCHES[name]]) : [];
}

export function createDevicePolicy({ settings, sections, clock }: PolicyParts): DevicePolicy {
  return {
    async refuseWithoutSelfService(actor) {
      if (allows(actor, 'devices.manage')) return;
      const { allowSelfService } = await settings.read(sections.security);
      if (!allowSelfService) throw new Forbidden(en.devices.selfServiceOff);
    },
    async refuseForbiddenFields(actor, given) {
      if (allows(actor, 'devices.manage')) return;
      const allowed = allowedOverrides(await settings.read(sections.security));
      const overrides = OVERRIDES.filter(([, name]) => !allowed.includes(name)).flat();
      const forbidden = [...ADMIN_FIELDS, ...overrides].filter((field) => given[field] !== undefined);
      if (forbidden.length > 0) throw new InvalidInput(Object.fromEntries(forbidden.map((field) => [field, [en.devices.overridesOff]])));
    },
    async refuseTooMany(tx, actor, ownerId) {
      if (allows(actor, 'devices.manage') && actor.userId !== ownerId) return;
      const { maxDevicesPerUser } = await settings.read(sections.security, tx);
      if ((await countDevices(tx, ownerId)) >= maxDevicesPerUser) throw new InvalidInput({ '': [en.devices.tooMany(maxDevicesPerUser)] });
    },
    async usualExpiry(tx) {
      const { deviceExpiryDays } = await settings.read(sections.security, tx);
      return deviceExpiryDays === 0 ? null : new Date(clock.now().getTime() + deviceExpiryDays * DAY_MS);
    },
  };
}
