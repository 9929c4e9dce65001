import { existsSync } from 'node:fs';

/** By systemd-timesyncd(8), which leaves a file once the clock was set; null where another program, or none, sets it. */
export function isClockSynchronized(): boolean | null {
  return existsSync('/run/systemd/timesync') ? existsSync('/run/systemd/timesync/synchronized') : null;
}
