import type { ListQuery } from '../accounts/store.ts';

const PAGE_SIZE = 50;

/** Where a list stands: search, order and page, all in the address so that it can be kept and shared. */
export interface ListState extends ListQuery {
  readonly q: string;
  readonly sort: string;
  readonly page: number;
  readonly offset: number;
}

/** A filter beside the search: one of several values, or with no choices a text or a day. */
export interface Filter {
  readonly name: string;
  readonly label: string;
  readonly kind: 'choice' | 'text' | 'day';
  readonly choices: readonly { readonly value: string; readonly label: string }[];
  readonly value: string;
}

/** The filter as the address sets it; what is not offered counts as not set. */
export function choiceFilter(query: URLSearchParams, name: string, label: string, labels: Readonly<Record<string, string>>): Filter {
  const asked = query.get(name) ?? '';
  const choices = Object.entries(labels).map(([value, text]) => ({ value, label: text }));
  return { name, label, kind: 'choice', choices, value: Object.hasOwn(labels, asked) ? asked : '' };
}

export function textFilter(query: URLSearchParams, name: string, label: string): Filter {
  return { name, label, kind: 'text', choices: [], value: (query.get(name) ?? '').trim().slice(0, 200) };
}

/** A day such as `2026-06-01`. */
export function dayFilter(query: URLSearchParams, name: string, label: string): Filter {
  const asked = query.get(name) ?? '';
  const isDay = /^\d{4}-\d\d-\d\d$/.test(asked) && !Number.isNaN(Date.parse(asked));
  return { name, label, kind: 'day', choices: [], value: isDay ? asked : '' };
}

/** What is set, by name. */
export function setFilters(filters: readonly Filter[]): Readonly<Record<string, string>> {
  return Object.fromEntries(filters.filter(({ value }) => value !== '').map(({ name, value }) => [name, value]));
}

export interface Pager {
  readonly first: number;
  readonly last: number;
  readonly total: number;
  readonly previous: string | null;
  readonly next: string | null;
}

export function readList(query: URLSearchParams, sorts: readonly string[], defaultSort: string): ListState {
  const page = Math.max(1, Math.min(1_000_000, Number.parseInt(query.get('page') ?? '1', 10) || 1));
  const asked = query.get('sort') ?? '';
  const sort = sorts.includes(asked.replace(/^-/, '')) ? asked : defaultSort;
  return { q: (query.get('q') ?? '').trim().slice(0, 200), sort, page, limit: PAGE_SIZE, offset: (page - 1) * PAGE_SIZE };
}

export function pagerFor(path: string, query: URLSearchParams, state: ListState, total: number): Pager {
  const last = Math.min(state.offset + state.limit, total);
  return {
    first: total === 0 ? 0 : state.offset + 1,
    last,
    total,
    previous: state.page > 1 ? withQuery(path, query, { page: String(state.page - 1) }) : null,
    next: last < total ? withQuery(path, query, { page: String(state.page + 1) }) : null,
  };
}

/** A column's heading: where a click leads and how it is sorted now. */
export interface SortLink {
  readonly href: string;
  readonly direction: 'ascending' | 'descending' | 'none';
}

export function sortLinks(path: string, query: URLSearchParams, state: ListState, sorts: readonly string[]): Readonly<Record<string, SortLink>> {
  return Object.fromEntries(
    sorts.map((column): [string, SortLink] => {
      const direction = state.sort === column ? 'ascending' : state.sort === `-${column}` ? 'descending' : 'none';
      return [column, { href: withQuery(path, query, { sort: direction === 'ascending' ? `-${column}` : column, page: '1' }), direction }];
    }),
  );
}

/** The path with what the address says and these changes; the export of a list is the list with another path. */
export function withQuery(path: string, query: URLSearchParams, changes: Readonly<Record<string, string>> = {}): string {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) next.set(name, value);
  return `${path}?${next}`;
}
