import { download, field, orShowAgain, type PageRequest, type Reply, type Route, raw, withQuery } from '#core';
import type { LogStreams } from './log-stream.ts';
import { type LogLine, type Logs, logFilter, PRIORITIES, shownLine } from './logs.ts';
import { permission, ROOT, systemView } from './pages.ts';
import { text } from './text.ts';

const HERE = `${ROOT}/logs`;
type Errors = Readonly<Record<string, readonly string[]>>;

export function logPages(logs: Logs, streams: LogStreams): readonly Route[] {
  function show({ query }: PageRequest, lines: readonly LogLine[], errors: Errors = {}): Reply {
    const state = { values: filterOf(query), errors };
    const fields = [
      field(state, 'unit', text.logs.unit, { help: text.logs.unitHelp }),
      field(state, 'priority', text.logs.priority, {
        kind: 'choice',
        choices: ['', ...PRIORITIES].map((value) => ({ value, label: value === '' ? text.logs.any : (text.logs.priorities[Number(value)] ?? value) })),
      }),
      field(state, 'since', text.logs.since, { kind: 'choice', choices: Object.entries(text.logs.times).map(([value, label]) => ({ value, label })) }),
      field(state, 'text', text.logs.text),
    ];
    const following = query.get('follow') === 'on' && Object.keys(errors).length === 0;
    return systemView('logs', {
      fields,
      rows: lines.toReversed().map(shownLine),
      following,
      here: withQuery(HERE, query, {}),
      stream: withQuery(`${HERE}/stream`, query, { follow: '' }),
      after: lines.at(-1)?.cursor ?? '',
      other: withQuery(HERE, query, { follow: following ? '' : 'on' }),
      file: withQuery(`${HERE}/file`, query, {}),
    });
  }

  return [
    {
      method: 'GET',
      path: HERE,
      permission,
      handle: (request) =>
        orShowAgain(
          async () => show(request, await logs.read(request.actor, filterOf(request.query))),
          (errors) => show(request, [], errors),
        ),
    },
    {
      method: 'GET',
      path: `${HERE}/stream`,
      permission,
      async handle({ actor, query, headers }) {
        const filter = filterOf(query);
        // Where a browser that comes back had got to.
        return raw('text/event-stream', await streams.open(actor, { ...filter, after: String(headers['last-event-id'] ?? filter['after']) }));
      },
    },
    {
      method: 'GET',
      path: `${HERE}/file`,
      permission,
      async handle({ actor, query }) {
        const lines = await logs.read(actor, filterOf(query));
        const file = lines.map(({ at, unit, priority, message }) => `${at.toISOString()} <${priority}> ${unit}: ${message}\n`).join('');
        return download('wiregui.log', 'text/plain; charset=utf-8', file);
      },
    },
  ];
}

function filterOf(query: URLSearchParams): Record<string, string> {
  return Object.fromEntries(Object.keys(logFilter.shape).map((name) => [name, query.get(name) ?? '']));
}
