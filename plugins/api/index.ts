import { accountPanelSlot, bearerSlot, fill, type Host, InvalidInput, json, type Operation, operationSlot, type Plugin, parse, type Route } from '#core';
import { tokenPages, tokenPanel } from './pages.ts';
import { text } from './text.ts';
import { createTokens } from './tokens.ts';
import { fromWire, snakeCase, toWire } from './wire.ts';

const ROOT = '/api/v0';

/** Serves every operation that core and plugins contribute, to bearers of tokens. */
export const api: Plugin = {
  manifest: { id: 'api', title: text.title, summary: text.summary },
  setup(host: Host) {
    const tokens = createTokens(host);
    return {
      pages: () => [...tokenPages(tokens), ...host.all(operationSlot).map(serve)],
      fills: [fill(bearerSlot, tokens.authenticate), fill(accountPanelSlot, tokenPanel(tokens))],
    };
  },
};

function serve(operation: Operation): Route {
  const { method, path, permission, status = 200 } = operation;
  return {
    method,
    path: `${ROOT}${path}`,
    permission,
    auth: 'bearer',
    async handle({ actor, params, query, body }) {
      try {
        const given = fromWire(Object.fromEntries(query)) as Record<string, unknown>;
        const asked = operation.query ? parse(operation.query, given) : given;
        const answer = await operation.handle({ actor, params, query: asked, body: fromWire(body ?? {}) });
        return json(toWire(answer.body), status, answer.headers);
      } catch (error) {
        throw error instanceof InvalidInput ? spelledForWire(error) : error;
      }
    },
  };
}

/** The same problems under the names that the caller used. */
function spelledForWire(error: InvalidInput): InvalidInput {
  return new InvalidInput(Object.fromEntries(Object.entries(error.fields).map(([field, messages]) => [snakeCase(field), messages])), { cause: error });
}
