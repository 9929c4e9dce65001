import { type Actor, type Clock, TooManyRequests } from '#core';
import { text } from './text.ts';

/** Counts requests of one user in windows of a minute. */
export interface RateLimit {
  /** The headers that say how many are left (draft-ietf-httpapi-ratelimit-headers). Throws TooManyRequests. */
  count(actor: Actor): Promise<Readonly<Record<string, string>>>;
}

const WINDOW_MS = 60_000;

/** Kept in memory: a restart forgives everybody, and no request has to write. */
export function createRateLimit(clock: Clock, mostPerMinute: () => Promise<number>): RateLimit {
  let windowEndsAt = 0;
  let counts = new Map<string, number>();

  return {
    async count(actor) {
      const now = clock.now().getTime();
      if (now >= windowEndsAt) {
        counts = new Map();
        windowEndsAt = now + WINDOW_MS;
      }
      const most = await mostPerMinute();
      const who = actor.userId ?? actor.name;
      const count = (counts.get(who) ?? 0) + 1;
      counts.set(who, count);
      const seconds = Math.ceil((windowEndsAt - now) / 1_000);
      if (count > most) throw new TooManyRequests(text.tooManyRequests(most), seconds);
      return { 'RateLimit-Policy': `"default";q=${most};w=${WINDOW_MS / 1_000}`, RateLimit: `"default";r=${most - count};t=${seconds}` };
    },
  };
}
