import { z } from 'zod';
import { type Host, type Operation, paging, parse } from '#core';
import type { Assertions, CheckedAssertion } from './assertions.ts';
import { type Place, RULE_ACTS, type Rules } from './rules.ts';
import { newAssertion, newRule, question, ruleChanges } from './schema.ts';
import type { Simulate } from './simulator.ts';
import { listRules } from './store.ts';
import { describeDecider, text } from './text.ts';

interface OperationParts extends Pick<Host, 'db'> {
  readonly rules: Rules;
  readonly assertions: Assertions;
  readonly simulate: Simulate;
}

const shared = { tag: 'Firewall', permission: 'rules.manage' } as const;
const override = { overrideAssertions: z.boolean().default(false) };
const list = z.strictObject({
  ...paging,
  userId: z.union([z.uuid(), z.literal('everyone')]).optional(),
  action: newRule.shape.action.optional(),
  status: z.enum(['enabled', 'disabled']).optional(),
});
const selection = z.strictObject({ act: z.enum(RULE_ACTS), ids: z.array(z.uuid()).min(1).max(500), ...override });
const position = z.strictObject({ before: z.uuid().nullable().default(null), ...override });

const moment = z.iso.datetime();
const flow = { protocol: newRule.shape.protocol.unwrap(), portRange: z.string().nullable(), userId: z.uuid().nullable(), comment: z.string() };
const common = { id: z.uuid(), createdAt: moment, updatedAt: moment };
const ruleAnswer = z.strictObject({
  ...common,
  action: newRule.shape.action,
  destination: z.string().nullable(),
  ...flow,
  priority: z.int(),
  enabled: z.boolean(),
  userEmail: z.string().nullable(),
});
const assertionAnswer = z.strictObject({
  ...common,
  expectation: newAssertion.shape.expectation,
  destination: z.string(),
  ...flow,
  userEmail: z.string().nullable(),
});
const checkedAnswer = assertionAnswer.extend({ holds: z.boolean(), brokenBy: z.string().nullable() });
const simulationAnswer = z.strictObject({
  verdict: newRule.shape.action,
  decidedBy: z.enum(['rule', 'default-policy', 'peer-to-peer']),
  ruleId: z.uuid().nullable(),
  explanation: z.string(),
  notAPeer: z.string().nullable(),
  others: z.array(
    z.strictObject({ rule_id: z.uuid(), why: z.enum(['disabled', 'destination', 'protocol', 'ports', 'later', 'peer-to-peer']), explanation: z.string() }),
  ),
});

/** What the API offers: the service functions that the pages call. */
export function firewallOperations({ db, rules, assertions, simulate }: OperationParts): readonly Operation[] {
  return [
    {
      ...shared,
      id: 'list-rules',
      answer: ruleAnswer,
      isList: true,
      method: 'GET',
      path: '/rules',
      summary: 'List firewall rules in the order in which they are asked',
      query: list,
      async handle({ query }) {
        const { items, total, next } = await listRules(db, query as unknown as z.output<typeof list>);
        return { body: items, total, next };
      },
    },
    {
      ...shared,
      id: 'create-rule',
      answer: ruleAnswer,
      method: 'POST',
      path: '/rules',
      summary: 'Create a firewall rule',
      body: newRule.extend(override),
      status: 201,
      async handle({ actor, body }) {
        const { input, options } = withoutOverride(body);
        return { body: await rules.create(actor, input, options) };
      },
    },
    {
      ...shared,
      id: 'get-rule',
      answer: ruleAnswer,
      method: 'GET',
      path: '/rules/:id',
      summary: 'One firewall rule',
      handle: async ({ actor, params }) => ({ body: await rules.get(actor, params['id'] ?? '') }),
    },
    {
      ...shared,
      id: 'update-rule',
      answer: ruleAnswer,
      method: 'PATCH',
      path: '/rules/:id',
      summary: 'Change a firewall rule',
      body: ruleChanges.extend(override),
      async handle({ actor, params, body }) {
        const { input, options } = withoutOverride(body);
        return { body: await rules.update(actor, params['id'] ?? '', input, options) };
      },
    },
    {
      ...shared,
      id: 'move-rule',
      answer: ruleAnswer,
      method: 'POST',
      path: '/rules/:id/position',
      summary: 'Put a firewall rule before another one of the same user, or at the end',
      body: position,
      async handle({ actor, params, body }) {
        const { input, options } = withoutOverride(body);
        return { body: await rules.move(actor, params['id'] ?? '', input as Place, options) };
      },
    },
    {
      ...shared,
      id: 'delete-rule',
      method: 'DELETE',
      path: '/rules/:id',
      summary: 'Delete a firewall rule',
      query: z.strictObject({ overrideAssertions: z.stringbool().default(false) }),
      status: 204,
      async handle({ actor, params, query }) {
        await rules.remove(actor, params['id'] ?? '', { overridesAssertions: query['overrideAssertions'] === true });
        return {};
      },
    },
    {
      ...shared,
      id: 'act-on-rules',
      method: 'POST',
      path: '/rules/selection',
      summary: 'Enable, disable or delete several firewall rules: all or none',
      body: selection,
      status: 204,
      async handle({ actor, body }) {
        const { act, ids, overrideAssertions } = parse(selection, body);
        await rules.toAll(actor, act, ids, { overridesAssertions: overrideAssertions });
        return {};
      },
    },
    {
      ...shared,
      id: 'simulate',
      answer: simulationAnswer,
      method: 'POST',
      path: '/rules/simulation',
      summary: 'What becomes of a packet, and which rule decides',
      body: question,
      async handle({ actor, body }) {
        const { decidedBy, others, ...answer } = await simulate(actor, body);
        const rule = decidedBy.kind === 'rule' ? decidedBy.rule : null;
        return {
          body: {
            ...answer,
            decidedBy: decidedBy.kind,
            ruleId: rule?.id ?? null,
            explanation: describeDecider(decidedBy),
            others: others.map((other) => ({ rule_id: other.rule.id, why: other.why, explanation: text.simulator.why[other.why] })),
          },
        };
      },
    },
    {
      ...shared,
      id: 'list-assertions',
      answer: checkedAnswer,
      isList: true,
      method: 'GET',
      path: '/assertions',
      summary: 'List assertions, each with whether it holds',
      async handle({ actor }) {
        const all = await assertions.list(actor);
        return { body: all.map(showAssertion), total: all.length, next: null };
      },
    },
    {
      ...shared,
      id: 'create-assertion',
      answer: assertionAnswer,
      method: 'POST',
      path: '/assertions',
      summary: 'Write down what must stay so',
      body: newAssertion,
      status: 201,
      handle: async ({ actor, body }) => ({ body: await assertions.create(actor, body) }),
    },
    {
      ...shared,
      id: 'delete-assertion',
      method: 'DELETE',
      path: '/assertions/:id',
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
