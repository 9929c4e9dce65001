import type { ListQuery } from '../accounts/store.ts';

const PAGE_SIZE = 50;

/** Where a list stands: search, order and page, all in the address so that it can be kept and shared. */
export interface ListState extends ListQuery {
  readonly q: string;
  readonly sort: string;
  readonly page: number;
  readonly offset: number;
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

function withQuery(path: string, query: URLSearchParams, changes: Readonly<Record<string, string>>): string {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) next.set(name, value);
  return `${path}?${next}`;
}
