import { type Host, InvalidInput, otherErrors, type PageRequest, type Reply, type Route, view } from '#core';
import { emailOf, questionFields, userNamed } from './form.ts';
import type { Simulate, Simulation } from './simulator.ts';
import { describeRule, text } from './text.ts';

interface SimulatorPageParts extends Pick<Host, 'db'> {
  readonly simulate: Simulate;
}

const PATH = '/admin/rules/simulator';

/** The question stands in the address, so that an answer can be kept and shared. */
export function simulatorPages(parts: SimulatorPageParts): readonly Route[] {
  async function ask({ actor, query }: PageRequest): Promise<Reply> {
    const user = query.get('user') ?? (await emailOf(parts, query.get('userId')));
    const values = { user, destination: query.get('destination') ?? '', protocol: query.get('protocol') ?? 'tcp', port: query.get('port') ?? '' };
    if (!query.has('destination')) return page(values, {}, null);
    try {
      const userId = await userNamed(parts.db, user);
      const port = values.port === '' ? null : Number(values.port);
      return page(values, {}, await parts.simulate(actor, { userId, destination: values.destination, protocol: values.protocol, port }));
    } catch (error) {
      if (error instanceof InvalidInput) return page(values, error.fields, null);
      throw error;
    }
  }
  return [{ method: 'GET', path: PATH, permission: 'rules.manage', handle: ask }];
}

function page(values: Readonly<Record<string, unknown>>, errors: InvalidInput['fields'], answer: Simulation | null): Reply {
  const fields = questionFields({ values, errors });
  const shown = answer && {
    ...answer,
    rule: answer.decidedBy.kind === 'rule' ? { ...answer.decidedBy.rule, name: describeRule(answer.decidedBy.rule) } : null,
    others: answer.others.map(({ rule, why }) => ({ id: rule.id, name: describeRule(rule), comment: rule.comment, why: text.simulator.why[why] })),
  };
  return view(
    'firewall/simulator',
    { title: text.simulator.title, text, fields, problems: otherErrors(errors, fields), answer: shown },
    Object.keys(errors).length > 0 ? 422 : 200,
  );
}
