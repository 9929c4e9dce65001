import type { Clock } from '../../core/system/clock.ts';

/** A clock that stands still until it is moved; what becomes due on the way happens in order, what is due already happens soon. */
export interface TestClock extends Clock {
  advance(ms: number): void;
}

export function createTestClock(start = new Date('2026-06-01T12:00:00Z')): TestClock {
  let nowMs = start.getTime();
  let waiting: { readonly dueMs: number; readonly callback: () => void }[] = [];
  return {
    now: () => new Date(nowMs),
    after(delayMs, callback) {
      if (delayMs <= 0) {
        const soon = setImmediate(callback);
        return () => clearImmediate(soon);
      }
      const entry = { dueMs: nowMs + delayMs, callback };
      waiting.push(entry);
      return () => {
        waiting = waiting.filter((other) => other !== entry);
      };
    },
    advance(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        const [next] = waiting.filter(({ dueMs }) => dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs);
        if (!next) break;
        waiting = waiting.filter((entry) => entry !== next);
        nowMs = Math.max(nowMs, next.dueMs);
        next.callback();
      }
      nowMs = untilMs;
    },
  };
}
