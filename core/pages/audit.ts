import type { Audit } from '../audit/audit.ts';
import { type AuditQuery, type AuditRow, auditActions, listAudit } from '../audit/store.ts';
import type { Db } from '../db/open.ts';
import { type CsvColumns, csv } from '../http/csv.ts';
import { choiceFilter, dayFilter, pagerFor, readList, setFilters, textFilter, withQuery } from '../http/lists.ts';
import { type Route, view } from '../http/route.ts';
import { en } from '../text/en.ts';

interface AuditPageParts {
  readonly db: Db;
  readonly audit: Audit;
}

const text = en.audit;
const ROOT = '/admin/audit';
const DAY_MS = 86_400_000;

const CSV: CsvColumns<AuditRow> = {
  seq: ({ seq }) => seq,
  at: ({ at }) => at,
  actor: ({ actor }) => actor,
  via: ({ via }) => via,
  action: ({ action }) => action,
  targetType: ({ targetType }) => targetType,
  target: ({ target }) => target,
  ip: ({ ip }) => ip,
  changes: ({ changes }) => changes,
  hash: ({ hash }) => hash,
};

/** Who did what: searched, filtered and exported, with the verdict on the chain of hashes. */
export function auditPages({ db, audit }: AuditPageParts): readonly Route[] {
  return [
    {
      method: 'GET',
      path: ROOT,
      permission: 'audit.read',
      async handle({ query }) {
        const state = readList(query, [], '');
        const filters = readFilters(query, await auditActions(db));
        const { items, total } = await listAudit(db, { ...state, ...asQuery(query) });
        const broken = await db.remembered('the chain of the audit log', () => audit.firstBroken(db));
        const verdict = broken === null ? text.intact : text.broken(broken);
        return view('core/audit', {
          title: text.title,
          root: ROOT,
          rows: items,
          state,
          filters,
          isFiltered: state.q !== '' || Object.keys(setFilters(filters)).length > 0,
          isIntact: broken === null,
          verdict,
          exportPath: withQuery(`${ROOT}.csv`, query),
          pager: pagerFor(ROOT, query, state, total),
        });
      },
    },
    {
      method: 'GET',
      path: `${ROOT}.csv`,
      permission: 'audit.read',
      handle: ({ query }) => csv('audit.csv', CSV, (page) => listAudit(db, { ...asQuery(query), ...page })),
    },
  ];
}

function readFilters(query: URLSearchParams, actions: readonly string[]) {
  return [
    textFilter(query, 'actor', text.actor),
    choiceFilter(query, 'action', text.action, Object.fromEntries(actions.map((action) => [action, action]))),
    choiceFilter(query, 'via', text.via, text.vias),
    dayFilter(query, 'from', text.from),
    dayFilter(query, 'to', text.to),
  ];
}

/** Days count from midnight to midnight, UTC. */
function asQuery(query: URLSearchParams): Omit<AuditQuery, 'limit'> {
  const { q } = readList(query, [], '');
  const { actor, via, from, to } = setFilters(readFilters(query, []));
  return {
    q,
    actor,
    action: query.get('action') || undefined,
    via: via as AuditRow['via'] | undefined,
    since: from ? new Date(from) : undefined,
    before: to ? new Date(Date.parse(to) + DAY_MS) : undefined,
  };
}
