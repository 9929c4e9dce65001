import { type Host, localPath, orShowAgain, otherErrors, type PageRequest, pagerFor, type Reply, type Route, readForm, readList, redirect, view } from '#core';
import { emailOf, ruleFields, userNamed } from './form.ts';
import { BreaksAssertions, type ChangeOptions, type Place, type Rules } from './rules.ts';
import { newRule, ruleChanges } from './schema.ts';
import { section } from './section.ts';
import { listRules, type Named, type Rule } from './store.ts';
import { describeRule, describeService, shortNetwork, text } from './text.ts';

interface RulePageParts extends Pick<Host, 'db' | 'settings'> {
  readonly rules: Rules;
}

type FormState = Parameters<typeof ruleFields>[0];

const ROOT = '/admin/rules';
const permission = 'rules.manage';

export function rulePages(parts: RulePageParts): readonly Route[] {
  const { db, rules, settings } = parts;
  const existing = ({ actor, params }: PageRequest) => rules.get(actor, params['id'] ?? '');

  async function list({ query, url }: PageRequest): Promise<Reply> {
    const state = readList(query, [], '');
    const userId = query.get('user') ?? undefined;
    const { items, total } = await listRules(db, { ...state, userId });
    const { defaultPolicy } = await settings.read(section);
    return view('firewall/rules', {
      title: text.title,
      text,
      rows: items.map((rule, index) => ({ ...shown(rule), isScopeStart: index === 0 || items[index - 1]?.userId !== rule.userId })),
      state,
      userId,
      filteredBy: userId === 'everyone' ? text.forEveryone : userId ? text.rulesOf(await emailOf(parts, userId)) : null,
      defaultPolicy,
      pager: pagerFor(ROOT, query, state, total),
      returnTo: url,
    });
  }

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

  const back = ({ form: given, session }: PageRequest, message: string): Reply => {
    session.flash('success', message);
    return redirect(localPath(given.get('returnTo') || ROOT));
  };

  /** A change by a button. What breaks an assertion is asked about first. */
  const button = (name: string, message: string, act: (request: PageRequest, options: ChangeOptions) => Promise<unknown>): Route => ({
    method: 'POST',
    path: `${ROOT}/:id/${name}`,
    permission,
    async handle(request) {
      try {
        await act(request, { overridesAssertions: request.form.has('override') });
        return back(request, message);
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
    { method: 'GET', path: ROOT, permission, handle: list },
    {
      method: 'GET',
      path: `${ROOT}/new`,
      permission,
      async handle({ query }) {
        const userId = query.get('user');
        const values = { action: 'drop', protocol: 'any', priority: 100, enabled: true, user: await emailOf(parts, userId === 'everyone' ? null : userId) };
        return form(text.create, ROOT, { values, errors: {} }, userId ? `${ROOT}?user=${encodeURIComponent(userId)}` : ROOT);
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
    button('delete', text.deleted, ({ actor, params }, options) => rules.remove(actor, params['id'] ?? '', options)),
    button('enable', text.saved, ({ actor, params }, options) => rules.update(actor, params['id'] ?? '', { enabled: true }, options)),
    button('disable', text.saved, ({ actor, params }, options) => rules.update(actor, params['id'] ?? '', { enabled: false }, options)),
    button('position', text.moved, ({ actor, params, form: given }, options) => rules.move(actor, params['id'] ?? '', placeIn(given), options)),
  ];
}

/** `to=up`, `to=down`, or `before` with the id of a rule, empty for the end. */
function placeIn(form: URLSearchParams): Place {
  const to = form.get('to');
  return to === 'up' || to === 'down' ? to : { before: form.get('before') || null };
}

function shown(rule: Named<Rule>) {
  return { rule, name: describeRule(rule), destination: shortNetwork(rule.destination), service: describeService(rule.protocol, rule.portRange) };
}
