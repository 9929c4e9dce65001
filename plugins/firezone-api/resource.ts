import { type Actor, Conflict, Forbidden, InvalidInput, json, NotFound, type PageRequest, type Reply, type Route, Unauthenticated } from '#core';
import type { Row } from './operate.ts';
import { text } from './text.ts';

/** What Firezone's clients find under one path. */
export interface Resource {
  readonly path: string;
  /** The key around what is sent. */
  readonly wrapper: string;
  list(actor: Actor): Promise<readonly Row[]>;
  get(actor: Actor, id: string): Promise<Row>;
  create(actor: Actor, given: Row): Promise<Row>;
  update(actor: Actor, id: string, given: Row): Promise<Row>;
  remove(actor: Actor, id: string): Promise<void>;
}

type Handle = (request: PageRequest) => Promise<Reply>;

export function resourceRoutes({ path, wrapper, ...resource }: Resource): readonly Route[] {
  const all = `/v0/${path}`;
  const one = `${all}/:id`;
  const idOf = (request: PageRequest) => request.params['id'] ?? '';
  const update: Handle = async (request) => data(await resource.update(request.actor, idOf(request), unwrap(request, wrapper)));
  return [
    route('GET', all, async ({ actor }) => data(await resource.list(actor))),
    route('POST', all, async (request) => {
      const created = await resource.create(request.actor, unwrap(request, wrapper));
      return json({ data: created }, 201, { Location: `${all}/${created['id']}` });
    }),
    route('GET', one, async (request) => data(await resource.get(request.actor, idOf(request)))),
    route('PUT', one, update),
    route('PATCH', one, update),
    route('DELETE', one, async (request) => {
      await resource.remove(request.actor, idOf(request));
      return { kind: 'empty', status: 204 };
    }),
  ];
}

/** A route whose errors have Firezone's shapes; who may do what is asked of each operation. */
export function route(method: Route['method'], path: string, handle: Handle): Route {
  return {
    method,
    path,
    permission: 'public',
    auth: 'bearer',
    async handle(request) {
      if (request.actor.role === 'nobody') return unauthenticated(request);
      return handle(request).catch(problem);
    },
  };
}

export function data(shown: unknown): Reply {
  return json({ data: shown });
}

/** What stands under the wrapper's key. */
export function unwrap({ body }: PageRequest, wrapper: string): Row {
  const given = typeof body === 'object' && body !== null ? (body as Row)[wrapper] : undefined;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new NoWrapper(text.noWrapper(wrapper));
  return given as Row;
}

class NoWrapper extends Error {}

function unauthenticated({ headers }: PageRequest): Reply {
  const isTokenSent = /^Bearer +\S/i.test(String(headers['authorization'] ?? ''));
  return json({ errors: { auth: isTokenSent ? 'invalid_token' : 'unauthenticated' } }, 401, { 'WWW-Authenticate': 'Bearer' });
}

function problem(error: unknown): Reply {
  if (error instanceof NoWrapper) return json({ error: error.message }, 400);
  if (error instanceof InvalidInput) return json({ errors: error.fields }, 422);
  if (error instanceof NotFound) return json({ error: 'not_found' }, 404);
  if (error instanceof Forbidden || error instanceof Unauthenticated) return json({ error: 'Unauthorized' }, 401);
  if (error instanceof Conflict) return json({ errors: { base: [error.message] } }, 422);
  throw error;
}
