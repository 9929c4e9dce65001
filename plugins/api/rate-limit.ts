import { type Actor, type Clock, TooManyRequests } from '#core';
import { text } from './text.ts';

/** Counts requests of one user in windows of a minute. */
export interface RateLimit {
  /** Answers the headers that say how many are left (draft-ietf-httpapi-ratelimit-headers). Throws TooManyRequests. */
  count(actor: Actor): Promise<Readonly<Record<string, string>>>;
}

const WINDOW_MS = 60_000;

/** Kept in memory: a restart forgives everybody, and no request has to write. */
export function createRateLimit(clock: Clock, mostPerMinute: () => Promise<number>): RateLimit {
  let windowEndsAt = 0;
  let counts = new Map<string, number>();

  const nameOf = ({ userId, name }: Actor) => userId ?? name;
  const secondsLeft = () => Math.ceil((windowEndsAt - clock.now().getTime()) / 1_000);

  return {
    async count(actor) {
      if (secondsLeft() <= 0) {
        counts = new Map();
        windowEndsAt = clock.now().getTime() + WINDOW_MS;
      }
      const most = await mostPerMinute();
      const count = (counts.get(nameOf(actor)) ?? 0) + 1;
      counts.set(nameOf(actor), count);
      const headers = {
        'RateLimit-Policy': `"default";q=${most};w=${WINDOW_MS / 1_000}`,
        RateLimit: `"default";r=${Math.max(0, most - count)};t=${secondsLeft()}`,
      };
      if (count > most) throw new TooManyRequests(text.tooManyRequests(most), secondsLeft(), { headers });
      return headers;
    },
  };
}
