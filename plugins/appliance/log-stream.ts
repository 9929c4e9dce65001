import type { PassThrough, Readable } from 'node:stream';
import { type Actor, authorize, type Host, openEventStream, TooManyRequests } from '#core';
import { type LogLine, type Logs, shownLine } from './logs.ts';
import { text } from './text.ts';

/** New lines of the journal, as they are written (server-sent events, WHATWG HTML §9.2). */
export interface LogStreams {
  /** What comes after the line that the filter names; ends with any session of its reader. Throws TooManyRequests while too many follow. */
  open(actor: Actor, filter: Readonly<Record<string, unknown>>): Promise<Readable>;
  stop(): void;
}

const LOOK_MS = 2_000;
const LONGEST_MS = 5 * 60_000;
/** Each makes the box look for itself. */
const MOST = 4;

export function createLogStreams({ events, clock }: Pick<Host, 'events' | 'clock'>, logs: Logs): LogStreams {
  const streams = new Map<PassThrough, Actor>();
  const endOf = ({ userId }: { readonly userId: string }) => {
    for (const [stream, actor] of streams) if (actor.userId === userId) stream.end();
  };
  const stops = [events.on('session.ended', endOf), events.on('user.changed', endOf), events.on('user.deleted', endOf)];

  return {
    async open(actor, filter) {
      authorize(actor, 'system.manage');
      if (streams.size >= MOST) throw new TooManyRequests(text.logs.tooManyFollow(MOST), LOOK_MS / 1_000);
      let after = String(filter['after'] ?? '');
      let cancel = () => {};
      const stream = openEventStream(clock, {
        longestMs: LONGEST_MS,
        onClose() {
          streams.delete(stream);
          cancel();
        },
      });
      streams.set(stream, actor);
      await look().catch((error: unknown) => {
        stream.destroy();
        throw error;
      });
      return stream;

      async function look(): Promise<void> {
        // Nothing new for whoever has not read what there is: the journal keeps it meanwhile.
        const lines = stream.writableLength > 0 ? [] : await logs.read(actor, { ...filter, after });
        if (stream.writableEnded || stream.destroyed) return;
        for (const line of lines) stream.write(messageOf(line));
        after = lines.at(-1)?.cursor ?? after;
        // A box that does not answer ends it, and the browser comes back.
        cancel = clock.after(LOOK_MS, () => void look().catch(() => stream.end()));
      }
    },
    stop() {
      for (const stop of stops) stop();
      for (const stream of streams.keys()) stream.end();
    },
  };
}

function messageOf(line: LogLine): string {
  return `id: ${line.cursor}\nevent: line\ndata: ${JSON.stringify(shownLine(line))}\n\n`;
}
