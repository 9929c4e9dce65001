import { z } from 'zod';
import { type Host, line, type Operation } from '#core';
import type { Assertions, CheckedAssertion } from './assertions.ts';
import type { Place, Rules } from './rules.ts';
import { newAssertion, newRule, question, ruleChanges } from './schema.ts';
import type { Simulate } from './simulator.ts';
import { listRules } from './store.ts';
import { describeDecider, text } from './text.ts';

interface OperationParts extends Pick<Host, 'db'> {
  readonly rules: Rules;
  readonly assertions: Assertions;
  readonly simulate: Simulate;
}

const permission = 'rules.manage';
const override = { overrideAssertions: z.boolean().default(false) };
const list = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  offset: z.coerce.number().int().min(0).default(0),
  q: line(0, 200).optional(),
  userId: z.union([z.uuid(), z.literal('everyone')]).optional(),
});
const position = z.strictObject({ before: z.uuid().nullable().default(null), ...override });

/** What the API offers: the service functions that the pages call. */
export function firewallOperations({ db, rules, assertions, simulate }: OperationParts): readonly Operation[] {
  return [
    {
      id: 'list-rules',
      method: 'GET',
      path: '/rules',
      permission,
      summary: 'List firewall rules in the order in which they are asked',
      query: list,
      async handle({ query }) {
        const { items, total } = await listRules(db, query as unknown as z.output<typeof list>);
        return { body: items, headers: { 'X-Total-Count': String(total) } };
      },
    },
    {
      id: 'create-rule',
      method: 'POST',
      path: '/rules',
      permission,
      summary: 'Create a firewall rule',
      body: newRule.extend(override),
      status: 201,
      async handle({ actor, body }) {
        const { input, options } = withoutOverride(body);
        return { body: await rules.create(actor, input, options) };
      },
    },
    {
      id: 'get-rule',
      method: 'GET',
      path: '/rules/:id',
      permission,
      summary: 'One firewall rule',
      handle: async ({ actor, params }) => ({ body: await rules.get(actor, params['id'] ?? '') }),
    },
    {
      id: 'update-rule',
      method: 'PATCH',
      path: '/rules/:id',
      permission,
      summary: 'Change a firewall rule',
      body: ruleChanges.extend(override),
      async handle({ actor, params, body }) {
        const { input, options } = withoutOverride(body);
        return { body: await rules.update(actor, params['id'] ?? '', input, options) };
      },
    },
    {
      id: 'move-rule',
      method: 'POST',
      path: '/rules/:id/position',
      permission,
      summary: 'Put a firewall rule before another one of the same user, or at the end',
      body: position,
      async handle({ actor, params, body }) {
        const { input, options } = withoutOverride(body);
        return { body: await rules.move(actor, params['id'] ?? '', input as Place, options) };
      },
    },
    {
      id: 'delete-rule',
      method: 'DELETE',
      path: '/rules/:id',
      permission,
      summary: 'Delete a firewall rule',
      status: 204,
      async handle({ actor, params, query }) {
        await rules.remove(actor, params['id'] ?? '', { overridesAssertions: query['overrideAssertions'] === 'true' });
        return {};
      },
    },
    {
      id: 'simulate',
      method: 'POST',
      path: '/rules/simulation',
      permission,
      summary: 'What becomes of a packet, and which rule decides',
      body: question,
      async handle({ actor, body }) {
        const { decidedBy, others, ...answer } = await simulate(actor, body);
        const rule = decidedBy.kind === 'rule' ? decidedBy.rule : null;
        return {
          body: {
            ...answer,
            decidedBy: decidedBy.kind,
            rule,
            explanation: describeDecider(decidedBy),
            others: others.map((other) => ({ ruleId: other.rule.id, why: other.why, explanation: text.simulator.why[other.why] })),
          },
        };
      },
    },
    {
      id: 'list-assertions',
      method: 'GET',
      path: '/assertions',
      permission,
      summary: 'List assertions, each with whether it holds',
      handle: async ({ actor }) => ({ body: (await assertions.list(actor)).map(showAssertion) }),
    },
    {
      id: 'create-assertion',
      method: 'POST',
      path: '/assertions',
      permission,
      summary: 'Write down what must stay so',
      body: newAssertion,
      status: 201,
      handle: async ({ actor, body }) => ({ body: await assertions.create(actor, body) }),
    },
    {
      id: 'delete-assertion',
      method: 'DELETE',
      path: '/assertions/:id',
      permission,
      summary: 'Delete an assertion',
      status: 204,
      handle: ({ actor, params }) => assertions.remove(actor, params['id'] ?? '').then(() => ({})),
    },
  ];
}

/** The body without the word to go ahead, which is no column. */
function withoutOverride(body: unknown): { readonly input: Readonly<Record<string, unknown>>; readonly options: { readonly overridesAssertions: boolean } } {
  const { overrideAssertions = false, ...input } = (body ?? {}) as Readonly<Record<string, unknown>>;
  return { input, options: { overridesAssertions: overrideAssertions === true } };
}

function showAssertion({ assertion, breach }: CheckedAssertion): object {
  return { ...assertion, holds: breach === null, brokenBy: breach === null ? null : describeDecider(breach.by) };
}
