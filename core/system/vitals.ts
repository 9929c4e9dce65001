import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How this process is, for whoever measures it. */
export interface Vitals {
  read(): {
    readonly residentBytes: number;
    readonly heapBytes: number;
    /** Seconds since it began, user and system together. */
    readonly cpuSeconds: number;
    readonly uptimeSeconds: number;
    /** How late the event loop was since the last reading, in seconds. */
    readonly lagSeconds: { readonly mean: number; readonly p99: number; readonly max: number };
  };
  stop(): void;
}

/** The event loop's timer looks this often; what is beyond it is lag. */
const RESOLUTION_MS = 20;

/** Begins to watch the event loop, which costs a timer until `stop`. */
export function watchVitals(): Vitals {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const lag = (nanoseconds: number) => Math.max(0, (Number.isFinite(nanoseconds) ? nanoseconds : 0) / 1e9 - RESOLUTION_MS / 1e3);
  return {
    read() {
      const { rss, heapUsed } = process.memoryUsage();
      const { user, system } = process.cpuUsage();
      const lagSeconds = { mean: lag(delay.mean), p99: lag(delay.percentile(99)), max: lag(delay.max) };
      delay.reset();
      return { residentBytes: rss, heapBytes: heapUsed, cpuSeconds: (user + system) / 1e6, uptimeSeconds: process.uptime(), lagSeconds };
    },
    stop: () => void delay.disable(),
  };
}
