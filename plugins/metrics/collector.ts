import type { Parts } from '#core';
import { type Family, Histogram, type Sample } from './exposition.ts';

const HTTP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
const RECONCILE_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
/** What a caller can make up must not become a label. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export interface Collector {
  readonly on: NonNullable<Parts['on']>;
  families(): readonly Family[];
}

/** Counts what core tells of, since the plugin began. */
export function createCollector(): Collector {
  const answers = new Map<string, { readonly kind: string; readonly method: string; readonly code: string; count: number }>();
  const durations = new Map<string, Histogram>();
  const reconciles = new Histogram(RECONCILE_SECONDS);
  const jobs = new Map<string, { runs: number; failures: number; seconds: number }>();
  let failedReconciles = 0;
  let received = 0;
  let sent = 0;

  function countAnswer(kind: string, given: string, code: string, seconds: number): void {
    const method = METHODS.has(given) ? given : 'other';
    const key = `${kind} ${method} ${code}`;
    const entry = answers.get(key) ?? { kind, method, code, count: 0 };
    entry.count += 1;
    answers.set(key, entry);
    // A stream lasts as long as somebody listens.
    if (kind === 'live') return;
    const histogram = durations.get(kind) ?? new Histogram(HTTP_SECONDS);
    histogram.observe(seconds);
    durations.set(kind, histogram);
  }

  const ofJobs = (value: (job: { runs: number; failures: number; seconds: number }) => number): readonly Sample[] =>
    [...jobs].map(([job, counted]) => [{ job }, value(counted)]);

  return {
    on: {
      'http.answered': ({ kind, method, status, durationMs }) => countAnswer(kind, method, String(status), durationMs / 1_000),
      'network.reconciled'({ durationMs, isOk }) {
        reconciles.observe(durationMs / 1_000);
        if (!isOk) failedReconciles += 1;
      },
      'job.ran'({ id, durationMs, isOk }) {
        const job = jobs.get(id) ?? { runs: 0, failures: 0, seconds: 0 };
        jobs.set(id, { runs: job.runs + 1, failures: job.failures + (isOk ? 0 : 1), seconds: job.seconds + durationMs / 1_000 });
      },
      'stats.changed'({ rxBytes, txBytes }) {
        received += rxBytes;
        sent += txBytes;
      },
    },
    families: () => [
      {
        name: 'wiregui_traffic_bytes_total',
        help: 'Bytes moved through the tunnel, as this box counts them.',
        type: 'counter',
        samples: [
          [{ direction: 'received' }, received],
          [{ direction: 'sent' }, sent],
        ],
      },
      {
        name: 'wiregui_http_requests_total',
        help: 'Answers by kind, method and status.',
        type: 'counter',
        samples: [...answers.values()].map(({ kind, method, code, count }): Sample => [{ kind, method, code }, count]),
      },
      {
        name: 'wiregui_http_request_duration_seconds',
        help: 'Time until an answer was made.',
        type: 'histogram',
        samples: [...durations].flatMap(([kind, histogram]) => histogram.samples({ kind })),
      },
      {
        name: 'wiregui_reconcile_duration_seconds',
        help: 'Time to bring the network to its desired state.',
        type: 'histogram',
        samples: reconciles.samples({}),
      },
      { name: 'wiregui_reconcile_failures_total', help: 'Passes that failed and were tried again.', type: 'counter', samples: [[{}, failedReconciles]] },
      { name: 'wiregui_job_runs_total', help: 'Runs of background work.', type: 'counter', samples: ofJobs(({ runs }) => runs) },
      { name: 'wiregui_job_failures_total', help: 'Runs of background work that failed.', type: 'counter', samples: ofJobs(({ failures }) => failures) },
      { name: 'wiregui_job_seconds_total', help: 'Time spent in background work.', type: 'counter', samples: ofJobs(({ seconds }) => seconds) },
    ],
  };
}
