import type { Plugin } from '#core';
import { configurationRoutes } from './configuration.ts';
import { deviceResource } from './devices.ts';
import { createOperations } from './operate.ts';
import { resourceRoutes } from './resource.ts';
import { ruleResource } from './rules.ts';
import { text } from './text.ts';
import { userResource } from './users.ts';

/** Firezone 0.7's wire format over the operations of the REST API, for programs that were written for it. */
export const firezoneApi: Plugin = {
  manifest: { id: 'firezone-api', title: text.title, summary: text.summary },
  setup(host) {
    const operations = createOperations(host);
    const resources = [userResource(operations), deviceResource(operations), ruleResource(operations)];
    return { pages: () => [...configurationRoutes(operations), ...resources.flatMap(resourceRoutes)] };
  },
};
