import { messageOf } from '../errors.ts';
import type { DeviceId, UserId } from '../net/inputs.ts';
import type { Severity } from '../notifications/tables.ts';
import type { Log } from '../system/log.ts';

/** The closed map of what core tells plugins and pages, always after the commit. */
export interface Events {
  'user.changed': { readonly userId: UserId };
  'user.deleted': { readonly userId: UserId };
  'user.signed-in': { readonly userId: UserId; readonly method: string };
  'device.changed': { readonly deviceId: DeviceId; readonly userId: UserId };
  'device.deleted': { readonly deviceId: DeviceId; readonly userId: UserId };
  'rules.changed': { readonly ruleId: string | null; readonly userId: UserId | null };
  'session.ended': { readonly userId: UserId };
  'settings.changed': { readonly section: string };
  /** Becomes a notification for the administrators. */
  'attention.needed': { readonly severity: Severity; readonly about: string; readonly message: string };
  'notification.raised': { readonly id: string; readonly severity: Severity; readonly about: string; readonly message: string };
  /** Some were read or cleared. */
  'notifications.changed': Record<never, never>;
  'stats.changed': Record<never, never>;
  'network.changed': Record<never, never>;
  'plugins.changed': Record<never, never>;
}

export type EventName = keyof Events;
export type Listener<Name extends EventName> = (event: Events[Name]) => void | Promise<void>;

export interface EventBus {
  emit<Name extends EventName>(name: Name, event: Events[Name]): void;
  /** The answer takes the listener away again. */
  on<Name extends EventName>(name: Name, listener: Listener<Name>): () => void;
}

/** A listener that throws is logged and keeps nobody else from hearing. */
export function createEventBus(log: Log): EventBus {
  const listeners = new Map<EventName, Set<(event: never) => void | Promise<void>>>();

  async function tell(name: EventName, listener: (event: never) => void | Promise<void>, event: unknown): Promise<void> {
    try {
      await listener(event as never);
    } catch (error) {
      log.error({ event: name, error: messageOf(error) }, 'event listener failed');
    }
  }

  return {
    emit(name, event) {
      for (const listener of listeners.get(name) ?? []) void tell(name, listener, event);
    },
    on(name, listener) {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set.add(listener));
      return () => set.delete(listener);
    },
  };
}
