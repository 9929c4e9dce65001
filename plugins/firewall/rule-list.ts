import {
  type CsvColumns,
  choiceFilter,
  csv,
  field,
  type Host,
  InvalidInput,
  type PageRequest,
  pagerFor,
  type Reply,
  type Route,
  readList,
  type SelectionAct,
  selectionPages,
  setFilters,
  view,
  withQuery,
} from '#core';
import { emailOf } from './form.ts';
import { BreaksAssertions, RULE_ACTS, type RuleAct, type Rules } from './rules.ts';
import { section } from './section.ts';
import { listRules, type Named, type Rule, type RuleQuery, rulesByIds } from './store.ts';
import { describeRule, describeService, shortNetwork, text } from './text.ts';

interface RuleListParts extends Pick<Host, 'db' | 'settings'> {
  readonly rules: Rules;
}

const ROOT = '/admin/rules';
const permission = 'rules.manage';

const CSV: CsvColumns<Named<Rule>> = {
  id: ({ id }) => id,
  for: ({ userEmail }) => userEmail ?? 'everyone',
  priority: ({ priority }) => priority,
  action: ({ action }) => action,
  destination: ({ destination }) => destination,
  protocol: ({ protocol }) => protocol,
  ports: ({ portRange }) => portRange,
  enabled: ({ enabled }) => enabled,
  comment: ({ comment }) => comment,
  created_at: ({ createdAt }) => createdAt,
};

/** The rules in the order in which they are asked: searched, exported, and changed several at once. */
export function ruleListPages(parts: RuleListParts): readonly Route[] {
  const { db, settings, rules } = parts;
  const acts = ruleActs(rules);

  async function list({ query, url }: PageRequest): Promise<Reply> {
    const state = readList(query, [], '');
    const filters = readFilters(query);
    const userId = query.get('user') || undefined;
    const { items, total } = await listRules(db, asQuery(query));
    const { defaultPolicy } = await settings.read(section);
    return view('firewall/rules', {
      title: text.title,
      text,
      root: ROOT,
      rows: items.map((rule, index) => ({ ...shown(rule), isScopeStart: index === 0 || items[index - 1]?.userId !== rule.userId })),
      state,
      filters,
      isFiltered: state.q !== '' || Object.keys(setFilters(filters)).length > 0,
      userId,
      filteredBy: userId === 'everyone' ? text.forEveryone : userId ? text.rulesOf(await emailOf(parts, userId)) : null,
      defaultPolicy,
      acts,
      exportPath: withQuery(`${ROOT}.csv`, query),
      pager: pagerFor(ROOT, query, state, total),
      returnTo: url,
    });
  }

  return [
    { method: 'GET', path: ROOT, permission, handle: list },
    {
      method: 'GET',
      path: `${ROOT}.csv`,
      permission,
      handle: ({ query }) => csv('rules.csv', CSV, (page) => listRules(db, { ...asQuery(query), offset: 0, ...page })),
    },
    ...selectionPages<Named<Rule>>({
      root: ROOT,
      permission,
      acts,
      find: (ids) => rulesByIds(db, ids),
      name: (rule) => ({ id: rule.id, name: describeRule(rule), detail: `${rule.userEmail ?? text.everyone} ${rule.comment}` }),
    }),
  ];
}

function readFilters(query: URLSearchParams) {
  return [choiceFilter(query, 'action', text.action, text.actions), choiceFilter(query, 'status', text.state, text.enabledOnly)];
}

function asQuery(query: URLSearchParams): RuleQuery {
  return { ...readList(query, [], ''), userId: query.get('user') || undefined, ...setFilters(readFilters(query)) };
}

function ruleActs(rules: Rules): readonly SelectionAct<Named<Rule>>[] {
  const words: Readonly<Record<RuleAct, Pick<SelectionAct<Named<Rule>>, 'label' | 'icon' | 'isDangerous' | 'undoneBy'>>> = {
    enable: { label: text.enable, icon: 'eye', undoneBy: 'disable' },
    disable: { label: text.disable, icon: 'eye-off', undoneBy: 'enable' },
    delete: { label: text.delete, icon: 'trash', isDangerous: true },
  };
  return RULE_ACTS.map((name) => ({
    ...words[name],
    name,
    ask: (chosen) => text.manyAsk[name](chosen.length),
    fields: (state) => (state.errors['override'] ? [field(state, 'override', text.override, { kind: 'flag' })] : []),
    async run({ actor, form }, ids) {
      try {
        return text.manyDone[name]((await rules.toAll(actor, name, ids, { overridesAssertions: form.has('override') })).length);
      } catch (error) {
        if (error instanceof BreaksAssertions) throw new InvalidInput({ override: [`${text.overrideLead} ${error.message}`] }, { cause: error });
        throw error;
      }
    },
  }));
}

export function shown(rule: Named<Rule>) {
  return { rule, name: describeRule(rule), destination: shortNetwork(rule.destination), service: describeService(rule.protocol, rule.portRange) };
}
