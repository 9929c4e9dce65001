import { field, type Host, InvalidInput, type ReadQueries, userByEmail, userById } from '#core';
import { text } from './text.ts';

type FormState = Parameters<typeof field>[0];

const choices = (labels: Readonly<Record<string, string>>) => Object.entries(labels).map(([value, label]) => ({ value, label }));
const FLOW_PROTOCOLS = choices(text.protocols);
const PACKET_PROTOCOLS = FLOW_PROTOCOLS.filter(({ value }) => value !== 'any');

export function ruleFields(state: FormState) {
  return [
    field(state, 'action', text.form.action, { kind: 'choice', choices: choices(text.actions) }),
    field(state, 'user', text.form.user, { help: text.form.userHelp }),
    field(state, 'destination', text.form.destination, { help: text.form.destinationHelp }),
    field(state, 'protocol', text.form.protocol, { kind: 'choice', choices: FLOW_PROTOCOLS }),
    field(state, 'portRange', text.form.portRange, { help: text.form.portRangeHelp }),
    field(state, 'priority', text.form.priority, { kind: 'number', help: text.form.priorityHelp, isRequired: true }),
    field(state, 'comment', text.form.comment),
    field(state, 'enabled', text.form.enabled, { kind: 'flag' }),
  ];
}

export function assertionFields(state: FormState) {
  return [
    field(state, 'user', text.form.user, { help: text.assertions.userHelp }),
    field(state, 'expectation', text.assertions.expectation, { kind: 'choice', choices: choices(text.assertions.expectations) }),
    field(state, 'destination', text.form.destination, { help: text.assertions.destinationHelp, isRequired: true }),
    field(state, 'protocol', text.form.protocol, { kind: 'choice', choices: FLOW_PROTOCOLS }),
    field(state, 'portRange', text.form.portRange, { help: text.form.portRangeHelp }),
    field(state, 'comment', text.form.comment),
  ];
}

export function questionFields(state: FormState) {
  return [
    field(state, 'user', text.form.user, { help: text.simulator.userHelp }),
    field(state, 'destination', text.simulator.destination, { help: text.simulator.destinationHelp, isRequired: true }),
    field(state, 'protocol', text.form.protocol, { kind: 'choice', choices: PACKET_PROTOCOLS }),
    field(state, 'port', text.simulator.port, { kind: 'number' }),
  ];
}

/** The id of the user with this email; null for an empty field. Throws InvalidInput for the field `user`. */
export async function userNamed(db: ReadQueries, email: string): Promise<string | null> {
  if (email.trim() === '') return null;
  const user = await userByEmail(db, email.trim());
  if (user === null) throw new InvalidInput({ user: [text.noUserWith(email.trim().slice(0, 80))] });
  return user.id;
}

/** The email of the user that an address of a page names by id, or nothing. */
export async function emailOf({ db }: Pick<Host, 'db'>, userId: string | null): Promise<string> {
  return (userId === null ? null : await userById(db, userId))?.email ?? '';
}
