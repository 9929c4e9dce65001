import { messageOf } from '../errors.ts';
import type { EventBus } from '../events/bus.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';

/** Background work on a timer. A run that is still going when the next is due is not doubled. */
export interface Job {
  readonly id: string;
  readonly everyMs: number;
  /** Milliseconds after which a run is given up; its signal is aborted. */
  readonly deadlineMs: number;
  run(signal: AbortSignal): Promise<void>;
}

export interface JobState {
  readonly id: string;
  readonly lastRunAt: Date | null;
  readonly lastError: string | null;
  readonly lastDurationMs: number | null;
}

export interface Jobs {
  /** Starts a job; the answer stops it. */
  start(job: Job): () => void;
  states(): readonly JobState[];
}

/** A failing job is logged, shown in its state, and tried again when it is next due. */
export function createJobs(clock: Clock, log: Log, events: EventBus): Jobs {
  const states = new Map<string, JobState>();

  async function runOnce(job: Job): Promise<void> {
    const signal = AbortSignal.timeout(job.deadlineMs);
    const begun = performance.now();
    const ended = (lastError: string | null) => {
      const durationMs = performance.now() - begun;
      states.set(job.id, { id: job.id, lastRunAt: clock.now(), lastError, lastDurationMs: durationMs });
      events.emit('job.ran', { id: job.id, durationMs, isOk: lastError === null });
    };
    try {
      await job.run(signal);
      ended(null);
    } catch (error) {
      ended(messageOf(error));
      log.error({ job: job.id, error: messageOf(error) }, 'job failed');
    }
  }

  return {
    start(job) {
      let stop = () => {};
      let isStopped = false;
      states.set(job.id, { id: job.id, lastRunAt: null, lastError: null, lastDurationMs: null });
      const schedule = () => {
        stop = clock.after(job.everyMs, async () => {
          await runOnce(job);
          if (!isStopped) schedule();
        });
      };
      schedule();
      return () => {
        isStopped = true;
        states.delete(job.id);
        stop();
      };
    },
    states: () => [...states.values()],
  };
}
