import { type Actor, allows, authorize, deviceById, type Host, InvalidInput, NotFound, userById } from '#core';
import { RANGES, type Range } from './buckets.ts';
import { type Bucket, bucketsOf, type Scope } from './store.ts';
import { text } from './text.ts';

export interface Question {
  readonly device?: string | undefined;
  readonly user?: string | undefined;
  readonly range: Range;
}

export interface History {
  readonly range: Range;
  readonly bucketSeconds: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly buckets: readonly Bucket[];
}

export type ReadHistory = (actor: Actor, question: Question) => Promise<History>;

/** Traffic of a device, of a user's devices, or of what the actor may see at all: the box, or what is their own. */
export function createHistory({ db, clock }: Pick<Host, 'db' | 'clock'>): ReadHistory {
  async function scopeOf(actor: Actor, { device: deviceId, user: userId }: Question): Promise<Scope> {
    authorize(actor, 'devices.own');
    const isManager = allows(actor, 'devices.manage');
    if (deviceId !== undefined && userId !== undefined) throw new InvalidInput({ user: [text.oneOf] });
    if (deviceId !== undefined) {
      const device = await deviceById(db, deviceId);
      // Whoever may not see it does not learn that it is there.
      if (device === null || (device.userId !== actor.userId && !isManager)) throw new NotFound(text.unknownDevice);
      return { deviceId: device.id };
    }
    if (userId === undefined && isManager) return 'box';
    const wanted = userId ?? actor.userId;
    const user = wanted === null ? null : await userById(db, wanted);
    if (user === null || (user.id !== actor.userId && !isManager)) throw new NotFound(text.unknownUser);
    return { userId: user.id };
  }

  return async (actor, question) => {
    const scope = await scopeOf(actor, question);
    const now = clock.now();
    const load = () => bucketsOf(db, scope, question.range, now);
    // The box's graph stands on a page that is asked for again and again.
    const minute = Math.floor(now.getTime() / 60_000);
    const buckets = await (scope === 'box' ? db.remembered(`traffic of the box, ${question.range} ${minute}`, load) : load());
    const sum = (of: 'rxBytes' | 'txBytes') => buckets.reduce((total, bucket) => total + bucket[of], 0);
    return { range: question.range, bucketSeconds: RANGES[question.range].span, rxBytes: sum('rxBytes'), txBytes: sum('txBytes'), buckets };
  };
}
