import { Readable } from 'node:stream';
import type { Listed, Page } from '../db/paging.ts';
import { type Reply, raw } from './route.ts';

/** Headings with what stands below them. */
export type CsvColumns<Row> = Readonly<Record<string, (row: Row) => unknown>>;

const BATCH = 500;

/** A whole list as a file (RFC 4180), read and sent part by part; `load` is asked for a part after a cursor. */
export function csv<Row>(fileName: string, columns: CsvColumns<Row>, load: (page: Page) => Promise<Listed<Row>>): Reply {
  async function* lines(): AsyncGenerator<string> {
    yield lineOf(Object.keys(columns));
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const { items, next } = await load({ limit: BATCH, cursor });
      yield items.map((row) => lineOf(Object.values(columns).map((read) => read(row)))).join('');
      cursor = next;
    }
  }
  return raw('text/csv; charset=utf-8', Readable.from(lines()), { 'Content-Disposition': `attachment; filename="${fileName}"` });
}

function lineOf(cells: readonly unknown[]): string {
  return `${cells.map((cell) => `"${harmless(textOf(cell)).replaceAll('"', '""')}"`).join(',')}\r\n`;
}

/** A leading apostrophe keeps spreadsheets from taking text for a formula. */
function harmless(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.join(' ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
