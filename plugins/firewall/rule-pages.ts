import { type Host, localPath, NotFound, orShowAgain, otherErrors, type PageRequest, type Reply, type Route, readForm, redirect, view } from '#core';
import { emailOf, ruleFields, userNamed } from './form.ts';
import { ruleListPages } from './rule-list.ts';
import { BreaksAssertions, type ChangeOptions, type Place, type Rules } from './rules.ts';
import { newRule, ruleChanges } from './schema.ts';
import type { Rule } from './store.ts';
import { describeRule, shortNetwork, text } from './text.ts';

interface RulePageParts extends Pick<Host, 'db' | 'settings'> {
  readonly rules: Rules;
}

type FormState = Parameters<typeof ruleFields>[0];

const ROOT = '/admin/rules';
const permission = 'rules.manage';
const UNDO = 'deleted-rules';
const UNDO_FOR_MS = 10 * 60_000;

export function rulePages(parts: RulePageParts): readonly Route[] {
  const { db, rules } = parts;
  const existing = ({ actor, params }: PageRequest) => rules.get(actor, params['id'] ?? '');

  function form(title: string, action: string, state: FormState, returnTo: string, breach: string | null = null): Reply {
    const fields = ruleFields(state);
    return view('firewall/rule', { title, text, fields, action, returnTo, breach, problems: otherErrors(state.errors, fields) }, breach === null ? 200 : 409);
  }

  /** Saves, or shows the form again: with problems beside fields, or with the question whether to go ahead. */
  async function save(
    request: PageRequest,
    title: string,
    action: string,
    names: readonly string[],
    act: (input: object, options: ChangeOptions) => Promise<Reply>,
  ): Promise<Reply> {
    const input: Readonly<Record<string, unknown>> = { ...readForm(newRule, request.form, names), user: request.form.get('user') ?? '' };
    const returnTo = localPath(request.form.get('returnTo') || ROOT);
    const attempt = async () => {
      const { user, ...columns } = input;
      return act({ ...columns, userId: await userNamed(db, String(user)) }, { overridesAssertions: request.form.has('override') });
    };
    try {
      return await orShowAgain(attempt, (errors) => form(title, action, { values: input, errors }, returnTo));
    } catch (error) {
      if (error instanceof BreaksAssertions) return form(title, action, { values: input, errors: {} }, returnTo, error.message);
      throw error;
    }
  }

  const back = ({ form: given, session }: PageRequest, message: string, undo?: string): Reply => {
    const fields = [['returnTo', localPath(given.get('returnTo') || ROOT)]] as const;
    session.flash('success', message, undo === undefined ? undefined : { action: undo, fields });
    return redirect(localPath(given.get('returnTo') || ROOT));
  };

  /** A change by a button. What breaks an assertion is asked about first. */
  const button = (
    name: string,
    message: string,
    act: (request: PageRequest, options: ChangeOptions) => Promise<unknown>,
    undo: (id: string) => string | undefined = () => undefined,
  ): Route => ({
    method: 'POST',
    path: `${ROOT}/:id/${name}`,
    permission,
    async handle(request) {
      try {
        await act(request, { overridesAssertions: request.form.has('override') });
        return back(request, message, undo(request.params['id'] ?? ''));
      } catch (error) {
        if (!(error instanceof BreaksAssertions)) throw error;
        return view(
          'firewall/override',
          { title: text.override, text, breach: error.message, action: `${ROOT}/${request.params['id']}/${name}`, given: [...request.form], back: ROOT },
          409,
        );
      }
    },
  });

  return [
    ...ruleListPages(parts),
    {
      method: 'POST',
      path: `${ROOT}/undo`,
      permission,
      async handle(request) {
        const deleted = (await request.session.take(UNDO)) as readonly Rule[] | null;
        if (deleted === null) throw new NotFound(text.nothingToUndo);
        await rules.restore(request.actor, deleted);
        return back(request, text.restored);
      },
    },
    {
      method: 'GET',
      path: `${ROOT}/new`,
      permission,
      async handle({ query }) {
        const userId = query.get('user');
        const values = { action: 'drop', protocol: 'any', priority: 100, enabled: true, user: await emailOf(parts, userId === 'everyone' ? null : userId) };
        const list = userId ? `${ROOT}?user=${encodeURIComponent(userId)}` : ROOT;
        return form(text.create, ROOT, { values, errors: {} }, localPath(query.get('return_to') || list));
      },
    },
    {
      method: 'POST',
      path: ROOT,
      permission,
      handle: (request) =>
        save(request, text.create, ROOT, Object.keys(newRule.shape), async (input, options) => {
          await rules.create(request.actor, input, options);
          return back(request, text.created);
        }),
    },
    {
      method: 'GET',
      path: `${ROOT}/:id`,
      permission,
      async handle(request) {
        const rule = await existing(request);
        const values = { ...rule, destination: shortNetwork(rule.destination), user: rule.userEmail ?? '' };
        return form(text.edit, `${ROOT}/${rule.id}`, { values, errors: {} }, localPath(request.query.get('return_to') ?? ROOT));
      },
    },
    {
      method: 'POST',
      path: `${ROOT}/:id`,
      permission,
      handle: (request) =>
        save(request, text.edit, `${ROOT}/${request.params['id']}`, Object.keys(ruleChanges.shape), async (input, options) => {
          await rules.update(request.actor, request.params['id'] ?? '', input, options);
          return back(request, text.saved);
        }),
    },
    {
      method: 'GET',
      path: `${ROOT}/:id/delete`,
      permission,
      async handle(request) {
        const rule = await existing(request);
        const question = text.deleteAsk(describeRule(rule));
        return view('core/confirm', { title: text.rule, question, label: 'Delete', action: `${ROOT}/${rule.id}/delete`, back: ROOT, makesKey: false });
      },
    },
    button(
      'delete',
      text.deleted,
      async ({ actor, params, session }, options) => {
        const { userEmail: _named, ...rule } = await rules.remove(actor, params['id'] ?? '', options);
        await session.hold(UNDO, [rule], UNDO_FOR_MS);
      },
      () => `${ROOT}/undo`,
    ),
    button(
      'enable',
      text.saved,
      ({ actor, params }, options) => rules.update(actor, params['id'] ?? '', { enabled: true }, options),
      (id) => `${ROOT}/${id}/disable`,
    ),
    button(
      'disable',
      text.saved,
      ({ actor, params }, options) => rules.update(actor, params['id'] ?? '', { enabled: false }, options),
      (id) => `${ROOT}/${id}/enable`,
    ),
    button('position', text.moved, ({ actor, params, form: given }, options) => rules.move(actor, params['id'] ?? '', placeIn(given), options)),
  ];
}

/** `to=up`, `to=down`, or `before` with the id of a rule, empty for the end. */
function placeIn(form: URLSearchParams): Place {
  const to = form.get('to');
  return to === 'up' || to === 'down' ? to : { before: form.get('before') || null };
}
