/** Where every other part takes its time from, so that tests can move it. */
export interface Clock {
  now(): Date;
  /** Calls once, `delayMs` from now (any length); the answer cancels it. Never keeps the process alive. */
  after(delayMs: number, callback: () => void): () => void;
}

// setTimeout overflows at 2^31 ms and fires at once.
const LONGEST_TIMEOUT_MS = 2_147_483_647;

export const systemClock: Clock = {
  now: () => new Date(),
  after(delayMs, callback) {
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number) => {
      const stepMs = Math.min(Math.max(leftMs, 0), LONGEST_TIMEOUT_MS);
      timer = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : callback()), stepMs);
      timer.unref();
    };
    wait(delayMs);
    return () => clearTimeout(timer);
  },
};
