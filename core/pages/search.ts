import { json, type Route, view } from '../http/route.ts';
import type { Search } from '../search/search.ts';
import { en } from '../text/en.ts';

/** One page that finds everything; the command palette asks the same. */
export function searchPages(search: Search): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/search',
      permission: 'account.own',
      async handle({ actor, query }) {
        const q = (query.get('q') ?? '').trim().slice(0, 200);
        return view('core/search', { title: en.search.title, state: { q }, groups: await search(actor, q) });
      },
    },
    {
      method: 'GET',
      path: '/search.json',
      permission: 'account.own',
      handle: async ({ actor, query }) => json(await search(actor, query.get('q') ?? ''), 200, { 'Cache-Control': 'no-store' }),
    },
  ];
}
