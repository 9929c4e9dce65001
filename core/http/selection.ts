import { NotFound } from '../errors.ts';
import { en } from '../text/en.ts';
import { type FormField, type FormState, otherErrors } from './fields.ts';
import { orShowAgain } from './forms.ts';
import { localPath, type PageRequest, type Reply, type Route, redirect, view } from './route.ts';

/** What may be done to several things of a list at once. */
export interface SelectionAct<Thing> {
  readonly name: string;
  readonly label: string;
  readonly icon: string;
  readonly isDangerous?: true;
  /** The question, naming how many and what goes with them. */
  ask(things: readonly Thing[]): string | Promise<string>;
  /** What else must be said. */
  fields?(state: FormState): readonly FormField[];
  /** Does it to all or none; the answer is the message for the list. */
  run(request: PageRequest, ids: readonly string[]): Promise<string>;
  /** The act that takes it back, as far as it touched these things. */
  readonly undoneBy?: string;
}

export interface Selection<Thing> {
  /** The list's address. */
  readonly root: string;
  readonly permission: string;
  readonly acts: readonly SelectionAct<Thing>[];
  /** Those of the ids that there are, in the order of the list. */
  find(ids: readonly string[]): Promise<readonly Thing[]>;
  name(thing: Thing): { readonly id: string; readonly name: string; readonly detail: string };
}

/** A selection is never more than a page of a list. */
const MOST = 100;

/** The question about what was ticked in a list (GET), and the act (POST). Works without scripts: it is one form. */
export function selectionPages<Thing>({ root, permission, acts, find, name }: Selection<Thing>): readonly Route[] {
  const path = `${root}/selection`;

  const actIn = (given: URLSearchParams) => acts.find((candidate) => candidate.name === given.get('act'));

  async function ask(act: SelectionAct<Thing>, things: readonly Thing[], returnTo: string, state: FormState): Promise<Reply> {
    const fields = act.fields?.(state) ?? [];
    return view('core/selection', {
      title: act.label,
      act,
      question: await act.ask(things),
      things: things.map(name),
      path,
      returnTo,
      fields,
      problems: otherErrors(state.errors, fields),
    });
  }

  return [
    {
      method: 'GET',
      path,
      permission,
      async handle({ query, session }) {
        const act = actIn(query);
        const things = await find(query.getAll('chosen').slice(0, MOST));
        const returnTo = localPath(query.get('returnTo') || root);
        if (act && things.length > 0) return ask(act, things, returnTo, { values: {}, errors: {} });
        session.flash('warning', en.selection.nothing);
        return redirect(returnTo);
      },
    },
    {
      method: 'POST',
      path,
      permission,
      async handle(request) {
        const { form, session } = request;
        const act = actIn(form);
        if (!act) throw new NotFound(en.errors.notFound);
        const ids = form.getAll('chosen').slice(0, MOST);
        const returnTo = localPath(form.get('returnTo') || root);
        return orShowAgain(
          async () => {
            session.flash('success', await act.run(request, ids), undoOf(act, ids, returnTo));
            return redirect(returnTo);
          },
          async (errors) => ask(act, await find(ids), returnTo, { values: Object.fromEntries(form), errors }),
        );
      },
    },
  ];

  function undoOf(act: SelectionAct<Thing>, ids: readonly string[], returnTo: string) {
    if (act.undoneBy === undefined) return undefined;
    return { action: path, fields: [['act', act.undoneBy], ['returnTo', returnTo], ...ids.map((id) => ['chosen', id] as const)] as const };
  }
}
