import { Readable } from 'node:stream';
import type { Audit } from '../audit/audit.ts';
import { type AuditRow, listAudit } from '../audit/store.ts';
import type { Db } from '../db/open.ts';
import { pagerFor, readList } from '../http/lists.ts';
import { type Route, raw, view } from '../http/route.ts';
import { en } from '../text/en.ts';

interface AuditPageParts {
  readonly db: Db;
  readonly audit: Audit;
}

const ROOT = '/admin/audit';
const EXPORT_BATCH = 1_000;
const COLUMNS = ['seq', 'at', 'actor', 'via', 'action', 'targetType', 'target', 'ip', 'changes', 'hash'] as const;

export function auditPages({ db, audit }: AuditPageParts): readonly Route[] {
  async function* rowsAsCsv(q: string): AsyncGenerator<string> {
    yield `${COLUMNS.join(',')}\r\n`;
    for (let offset = 0; ; offset += EXPORT_BATCH) {
      const { items } = await listAudit(db, { q, limit: EXPORT_BATCH, offset });
      yield items.map(asCsv).join('');
      if (items.length < EXPORT_BATCH) return;
    }
  }

  return [
    {
      method: 'GET',
      path: ROOT,
      permission: 'audit.read',
      async handle({ query }) {
        const state = readList(query, [], '');
        const { items, total } = await listAudit(db, state);
        const broken = await audit.firstBroken(db);
        const verdict = broken === null ? en.audit.intact : en.audit.broken(broken);
        return view('core/audit', {
          title: en.audit.title,
          rows: items,
          state,
          isIntact: broken === null,
          verdict,
          pager: pagerFor(ROOT, query, state, total),
        });
      },
    },
    {
      method: 'GET',
      path: `${ROOT}.csv`,
      permission: 'audit.read',
      handle: ({ query }) => raw('text/csv; charset=utf-8', Readable.from(rowsAsCsv(query.get('q') ?? ''))),
    },
  ];
}

/** RFC 4180; a leading quote keeps spreadsheets from taking text for a formula. */
function asCsv(row: AuditRow): string {
  const cells = COLUMNS.map((column) => {
    const value = row[column];
    const text = value instanceof Date ? value.toISOString() : typeof value === 'object' ? JSON.stringify(value ?? '') : String(value);
    return `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
  });
  return `${cells.join(',')}\r\n`;
}
