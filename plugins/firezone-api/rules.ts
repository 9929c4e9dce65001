import { InvalidInput } from '#core';
import { type Operations, type Row, renamed } from './operate.ts';
import type { Resource } from './resource.ts';
import { text } from './text.ts';
import { known, moment, reversed } from './wire.ts';

const NAMES = { action: 'action', destination: 'destination', port_type: 'protocol', port_range: 'portRange', user_id: 'userId' };

/** The order in which Firezone asks rules of one user, or of everyone: with ports before without, accept before drop. */
const PRIORITIES: Readonly<Record<string, number>> = { 'ports accept': 100, 'ports drop': 110, accept: 120, drop: 130 };

export function ruleResource(operations: Operations): Resource {
  return {
    path: 'rules',
    wrapper: 'rule',
    list: async (actor) => (await operations.all(actor, 'list-rules')).map(show),
    get: async (actor, id) => show(await operations.run(actor, 'get-rule', { params: { id } })),
    create: (actor, given) =>
      renamed(reversed(NAMES), async () => {
        operations.check(actor, 'create-rule');
        if (!given['destination']) throw new InvalidInput({ destination: [text.required] });
        const rule = read({ action: 'drop', ...given });
        return show(await operations.run(actor, 'create-rule', { body: { ...rule, priority: priorityOf(rule) } }));
      }),
    update: (actor, id, given) =>
      renamed(reversed(NAMES), async () => {
        const before = await operations.run(actor, 'get-rule', { params: { id } });
        const changes = read(given, before);
        const isOfTheirs = Object.values(PRIORITIES).includes(Number(before['priority']));
        const priority = isOfTheirs ? { priority: priorityOf({ ...before, ...changes }) } : {};
        return show(await operations.run(actor, 'update-rule', { params: { id }, body: { ...changes, ...priority } }));
      }),
    async remove(actor, id) {
      await operations.run(actor, 'delete-rule', { params: { id } });
    },
  };
}

function read(given: Row, before: Row = { protocol: 'any', portRange: null }): Row {
  const { port_type: type, port_range: range } = given;
  if (type !== undefined && type !== null && type !== 'tcp' && type !== 'udp') throw new InvalidInput({ port_type: [text.badPortType] });
  const rule = { ...known(given, NAMES), ...(type === null ? { protocol: 'any' } : {}) };
  const after: Row = { ...before, ...rule };
  const namesPorts = type !== undefined || range !== undefined;
  if (namesPorts && (after['portRange'] === null) !== (after['protocol'] === 'any')) throw new InvalidInput({ port_type: [text.bothOrNeither] });
  return rule;
}

function priorityOf(rule: Row): number | undefined {
  return PRIORITIES[`${rule['portRange'] ? 'ports ' : ''}${rule['action']}`];
}

function show(rule: Row): Row {
  const range = rule['portRange'];
  return {
    id: rule['id'],
    destination: destinationOf(rule['destination']),
    action: rule['action'],
    port_type: rule['protocol'] === 'any' ? null : rule['protocol'],
    port_range: typeof range === 'string' ? range.replace('-', ' - ') : null,
    user_id: rule['userId'],
    inserted_at: moment(rule['createdAt']),
    updated_at: moment(rule['updatedAt']),
  };
}

/** One address stands without its prefix, as Firezone writes it; null is any destination, which Firezone cannot say. */
function destinationOf(destination: unknown): unknown {
  if (typeof destination !== 'string') return null;
  return destination.replace(destination.includes(':') ? /\/128$/ : /\/32$/, '');
}
