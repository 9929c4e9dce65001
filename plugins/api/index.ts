import { accountPanelSlot, type Bearer, bearerSlot, belongingsSlot, fill, type Host, operationSlot, type Plugin } from '#core';
import { tokenCommand } from './commands.ts';
import { docsPages } from './docs.ts';
import { createChanges } from './events.ts';
import { createIdempotency } from './idempotency.ts';
import { tokenOperations } from './operations.ts';
import { tokenPages, tokenPanel } from './pages.ts';
import { createRateLimit } from './rate-limit.ts';
import { section } from './section.ts';
import { serve } from './serve.ts';
import { text } from './text.ts';
import { createTokens } from './tokens.ts';

const HOUR_MS = 3_600_000;

/** Serves every operation that core and plugins contribute, to bearers of tokens, and describes them. */
export const api: Plugin = {
  manifest: { id: 'api', title: text.title, summary: text.summary, settings: section },
  commands: [tokenCommand],
  setup(host: Host) {
    const tokens = createTokens({ ...host, onRevoked: (userId) => changes.askAgain(userId) });
    const changes = createChanges({ ...host, aliveUntil: tokens.aliveUntil });
    const idempotency = createIdempotency(host);
    const rateLimit = createRateLimit(host.clock, async () => (await host.settings.read(section)).requestsPerMinute);

    /** Whatever takes tokens counts: this API, and those of other plugins. */
    async function authenticate(token: string, ip: string): Promise<Bearer | null> {
      const actor = await tokens.authenticate(token, ip);
      return actor && Object.assign(actor, { headers: await rateLimit.count(actor) });
    }

    return {
      pages() {
        const operations = host.all(operationSlot);
        return [...tokenPages(tokens), ...docsPages(operations), ...operations.map((operation) => serve(operation, { operations, idempotency, db: host.db }))];
      },
      api: [...tokenOperations(tokens), changes.operation],
      jobs: [{ id: 'old-requests', everyMs: HOUR_MS, deadlineMs: 60_000, run: idempotency.removeOld }],
      fills: [
        fill(bearerSlot, authenticate),
        fill(accountPanelSlot, tokenPanel(tokens)),
        fill(belongingsSlot, { count: tokens.countOf, name: text.tokens.count }),
      ],
      stop: async () => changes.stop(),
    };
  },
};
