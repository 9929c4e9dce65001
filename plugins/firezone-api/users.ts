import { type Actor, InvalidInput, NotFound } from '#core';
import type { Operations, Row } from './operate.ts';
import type { Resource } from './resource.ts';
import { text } from './text.ts';
import { known, moment } from './wire.ts';

const NAMES = { email: 'email', role: 'role', password: 'password' };
const LONGEST_SEARCH = 200;

export function userResource(operations: Operations): Resource {
  /** A user's id, from the id or the email that stands in the path. */
  async function idOf(actor: Actor, idOrEmail: string): Promise<string> {
    if (!idOrEmail.includes('@')) return idOrEmail;
    const mentioned = await operations.all(actor, 'list-users', idOrEmail.slice(0, LONGEST_SEARCH)).catch(nobodyIfUnreadable);
    const found = mentioned.find(({ email }) => email === idOrEmail.toLowerCase());
    if (!found) throw new NotFound(idOrEmail);
    return String(found['id']);
  }

  return {
    path: 'users',
    wrapper: 'user',
    list: async (actor) => (await operations.all(actor, 'list-users')).map(show),
    get: async (actor, id) => show(await operations.run(actor, 'get-user', { params: { id: await idOf(actor, id) } })),
    async create(actor, given) {
      operations.check(actor, 'create-user');
      return show(await operations.run(actor, 'create-user', { body: read(given) }));
    },
    async update(actor, id, given) {
      return show(await operations.run(actor, 'update-user', { params: { id: await idOf(actor, id) }, body: read(given) }));
    },
    async remove(actor, id) {
      await operations.run(actor, 'delete-user', { params: { id: await idOf(actor, id) } });
    },
  };
}

/** What cannot be an email is nobody's. */
function nobodyIfUnreadable(error: unknown): readonly Row[] {
  if (error instanceof InvalidInput) return [];
  throw error;
}

function read(given: Row): Row {
  const { password, password_confirmation: confirmation } = given;
  if (password !== undefined && confirmation !== undefined && password !== confirmation) throw new InvalidInput({ password_confirmation: [text.doesNotMatch] });
  return known(given, NAMES);
}

function show(user: Row): Row {
  return {
    id: user['id'],
    role: user['role'],
    email: user['email'],
    last_signed_in_at: moment(user['lastSignedInAt']),
    last_signed_in_method: user['lastSignedInMethod'],
    disabled_at: moment(user['disabledAt']),
    inserted_at: moment(user['createdAt']),
    updated_at: moment(user['updatedAt']),
  };
}
