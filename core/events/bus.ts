import { messageOf } from '../errors.ts';
import type { DeviceId, UserId } from '../net/inputs.ts';
import type { Severity } from '../notifications/tables.ts';
import type { Log } from '../system/log.ts';

/** Bytes, as this box counts them: received from devices, and sent to them. */
export type Moved = {
  readonly rxBytes: number;
  readonly txBytes: number;
};

/** What one look at the interface's peers showed. */
export type Poll = {
  readonly at: Date;
  readonly peerCount: number;
  readonly onlineCount: number;
  readonly latestHandshake: Date | null;
  /** Bytes a second since the look before; devices that moved nothing are left out. */
  readonly rates: ReadonlyMap<DeviceId, Moved & { readonly userId: UserId }>;
};

type Timing = {
  readonly durationMs: number;
  readonly isOk: boolean;
};

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
  /** The database has taken over what the interface knows of its peers; so much was moved since the last time. */
  'stats.changed': Moved;
  /** The interface was read. */
  'peers.polled': Poll;
  'network.reconciled': Timing;
  'job.ran': Timing & { readonly id: string };
  'http.answered': { readonly kind: 'page' | 'api' | 'live' | 'asset'; readonly method: string; readonly status: number; readonly durationMs: number };
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
