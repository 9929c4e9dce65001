import { type Host, type PageRequest, type Panel, pagerFor, type Route, readList, redirect, view } from '#core';
import { type Check, type Checks, isWell, LONGEST_BODY, outcomeOf } from './checks.ts';
import { section } from './section.ts';
import { text } from './text.ts';

const ROOT = '/admin/diagnostics/connectivity';
const permission = 'diagnostics.read';
const SHOWN = 5;

/** The newest checks, on the page of diagnostics. */
export function connectivityPanel({ settings }: Pick<Host, 'settings'>, checks: Checks): Panel<null> {
  return {
    template: 'connectivity/_checks',
    async model({ actor }) {
      const { items, total } = await checks.list(actor, { limit: SHOWN });
      const { url } = await settings.read(section);
      return { text, root: ROOT, url, rows: items.map(show), hasMore: total > items.length };
    },
  };
}

export function connectivityPages(checks: Checks): readonly Route[] {
  return [
    {
      method: 'GET',
      path: ROOT,
      permission,
      async handle({ actor, query }: PageRequest) {
        const state = readList(query, [], '');
        const { items, total } = await checks.list(actor, state);
        return view('connectivity/list', { title: text.title, text, root: ROOT, rows: items.map(show), pager: pagerFor(ROOT, query, state, total) });
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/check`,
      permission,
      async handle({ actor, session }) {
        const check = await checks.checkNow(actor);
        session.flash(isWell(check) ? 'success' : 'warning', text.checked(outcomeOf(check)));
        return redirect('/admin/diagnostics#connectivity');
      },
    },
    {
      method: 'GET',
      path: `${ROOT}/:id`,
      permission,
      async handle({ actor, params }) {
        const check = await checks.get(actor, params['id'] ?? '');
        return view('connectivity/check', { title: text.title, text, root: ROOT, check: show(check) });
      },
    },
  ];
}

function show(check: Check) {
  return { ...check, isWell: isWell(check), outcome: outcomeOf(check), isCut: check.body.length === LONGEST_BODY };
}
