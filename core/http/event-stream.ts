import { PassThrough } from 'node:stream';
import type { Clock } from '../system/clock.ts';

interface EventStreamOptions {
  /** Then the reader comes back, and is asked anew who they are. */
  readonly longestMs: number;
  readonly onBeat?: () => void;
  readonly onClose: () => void;
}

const HEARTBEAT_MS = 20_000;

/** A stream of server-sent events (WHATWG HTML §9.2) to one reader: it shows that it is alive, and ends by itself. */
export function openEventStream(clock: Clock, { longestMs, onBeat = () => {}, onClose }: EventStreamOptions): PassThrough {
  const stream = new PassThrough();
  let cancelBeat = clock.after(HEARTBEAT_MS, beat);
  const cancelEnd = clock.after(longestMs, () => stream.end());
  // Proxies and phones close what is silent for long.
  function beat(): void {
    if (!stream.writableEnded) stream.write(': \n\n');
    onBeat();
    cancelBeat = clock.after(HEARTBEAT_MS, beat);
  }
  stream.write('retry: 2000\n\n');
  stream.on('close', () => {
    cancelBeat();
    cancelEnd();
    onClose();
  });
  return stream;
}
