import type { Command as Program } from 'commander';
import { plugins } from '../../plugins/index.ts';
import { systemActor } from '../accounts/permissions.ts';
import { createApp } from '../app.ts';
import { readConfig } from '../config.ts';
import { NotFound } from '../errors.ts';
import { type Operate, operationSlot } from '../plugin/contract.ts';
import { systemClock } from '../system/clock.ts';
import { createLog } from '../system/log.ts';
import { programPaths } from '../system/paths.ts';
import { run, watch } from '../system/run.ts';
import { print } from './console.ts';

/** Adds the commands that plugins bring. */
export function addPluginCommands(program: Program): void {
  for (const command of plugins.flatMap(({ commands }) => commands ?? [])) {
    program
      .command(command.usage)
      .description(command.summary)
      .option('--json', 'as JSON')
      .action(async (...given: readonly unknown[]) => {
        const args = given.filter((argument) => typeof argument === 'string');
        const { json } = given.find((argument) => typeof argument === 'object' && argument !== null && !Array.isArray(argument)) as { json?: boolean };
        await asOwner(async (operate) => {
          const { answer, lines, exitCode } = await command.run(operate, args);
          print(json ? JSON.stringify(answer, null, 2) : lines.join('\n'));
          process.exitCode = exitCode;
        });
      });
  }
}

/** The operations of the API as the owner at the console has them; a running service follows what they change. */
async function asOwner(work: (operate: Operate) => Promise<void>): Promise<void> {
  const config = { ...readConfig(), dataPlane: 'false' as const };
  const log = createLog({ level: 'error', directory: undefined });
  const app = await createApp({ config, paths: programPaths(), plugins, clock: systemClock, log, run, watch });
  const actor = systemActor('console', 'cli');
  try {
    await app.host.startAll(false);
    await work(async (id, { params = {}, query = {}, body } = {}) => {
      const operation = app.host.all(operationSlot).find((candidate) => candidate.id === id);
      if (!operation) throw new NotFound(`the plugin that offers ${id} is off`);
      return (await operation.handle({ actor, params, query, body })).body;
    });
  } finally {
    await app.stop();
  }
}
