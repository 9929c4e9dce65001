import { type Actor, authorize, type Host, InvalidInput, NotFound, type Operation, type OperationCall, operationSlot, parse } from '#core';

/** A row as an operation answers it. */
export type Row = Readonly<Record<string, unknown>>;
type Call = Partial<Pick<OperationCall, 'params' | 'query' | 'body'>>;

export interface Operations {
  /** Carries out one, with the actor's rights. Throws NotFound where the plugin that offers it is off. */
  run(actor: Actor, id: string, call?: Call): Promise<Row>;
  /** Whether it is offered now. */
  has(id: string): boolean;
  /** Throws what `run` would throw for this actor and body before it does anything. */
  check(actor: Actor, id: string, body?: unknown): void;
  /** Everything that a list has, or what of it mentions `q`; Firezone knows no pages. */
  all(actor: Actor, id: string, q?: string): Promise<readonly Row[]>;
}

const PAGE = 500;

export function createOperations(host: Pick<Host, 'all'>): Operations {
  const offered = (id: string) => host.all(operationSlot).find((candidate) => candidate.id === id);

  function find(id: string): Operation {
    const operation = offered(id);
    if (!operation) throw new NotFound(id);
    return operation;
  }

  async function answer(actor: Actor, id: string, { params = {}, query = {}, body }: Call) {
    const operation = find(id);
    authorize(actor, operation.permission);
    return operation.handle({ actor, params, query: operation.query ? parse(operation.query, query) : {}, body });
  }

  return {
    run: async (actor, id, call = {}) => (await answer(actor, id, call)).body as Row,
    has: (id) => offered(id) !== undefined,
    check(actor, id, body) {
      const { body: schema, permission } = find(id);
      authorize(actor, permission);
      if (schema && body !== undefined) parse(schema, body);
    },
    async all(actor, id, q) {
      const rows: Row[] = [];
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const query = { limit: PAGE, ...(q === undefined ? {} : { q }), ...(cursor === undefined ? {} : { cursor }) };
        const { body, next = null } = await answer(actor, id, find(id).query ? { query } : {});
        rows.push(...(body as readonly Row[]));
        cursor = next;
      }
      return rows;
    },
  };
}

/** Problems by the names that the caller used. */
export async function renamed<T>(names: Readonly<Record<string, string>>, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw new InvalidInput(Object.fromEntries(Object.entries(error.fields).map(([field, messages]) => [names[field] ?? field, messages])), { cause: error });
  }
}
