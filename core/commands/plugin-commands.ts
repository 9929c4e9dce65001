import type { Command as Program } from 'commander';
import { plugins } from '../../plugins/index.ts';
import { type Actor, systemActor } from '../accounts/permissions.ts';
import { userByEmail } from '../accounts/store.ts';
import { createApp } from '../app.ts';
import { readConfig } from '../config.ts';
import { InvalidInput, NotFound } from '../errors.ts';
import { readForm } from '../http/forms.ts';
import { parse } from '../parse.ts';
import { type Operate, type Operation, operationSlot } from '../plugin/contract.ts';
import { systemClock } from '../system/clock.ts';
import { createLog } from '../system/log.ts';
import { programPaths } from '../system/paths.ts';
import { run, watch } from '../system/run.ts';
import { print } from './console.ts';
import { coreCommands } from './core-commands.ts';

/** Adds the commands that are operations of the API: core's, and those that plugins bring. */
export function addPluginCommands(program: Program): void {
  for (const command of [...coreCommands, ...plugins.flatMap(({ commands }) => commands ?? [])]) {
    program
      .command(command.usage)
      .description(command.summary)
      .option('--json', 'as JSON')
      .action(async (...given: readonly unknown[]) => {
        const args = given.flat().filter((argument) => typeof argument === 'string');
        const { json } = given.find((argument) => typeof argument === 'object' && argument !== null && !Array.isArray(argument)) as { json?: boolean };
        await asOwner(async (operate) => {
          const { answer, lines, exitCode } = await command.run(operate, args);
          print(json ? JSON.stringify(answer ?? null, null, 2) : lines.join('\n'));
          process.exitCode = exitCode;
        });
      });
  }
}

/** The operations of the API as the owner at the console has them; a running service follows what they change within a second. */
async function asOwner(work: (operate: Operate) => Promise<void>): Promise<void> {
  const config = { ...readConfig(), dataPlane: 'false' as const };
  const log = createLog({ level: 'error', directory: undefined });
  const app = await createApp({ config, paths: programPaths(), plugins, clock: systemClock, log, run, watch });

  function find(id: string): Operation {
    const operation = app.host.all(operationSlot).find((candidate) => candidate.id === id);
    if (!operation) throw new NotFound(`there is no operation ${id}, or the plugin that offers it is off`);
    return operation;
  }

  async function actorFor(email: string | undefined): Promise<Actor> {
    if (email === undefined) return systemActor('console', 'cli');
    const user = await userByEmail(app.db, email);
    if (user === null) throw new InvalidInput({ user: [`there is no user ${email}`] });
    return { userId: user.id, name: user.email, role: user.role, via: 'cli', ip: null };
  }

  const operate = async (id: string, { params = {}, query = {}, body, fields = [], as }: Parameters<Operate>[1] = {}) => {
    const operation = find(id);
    const given = readFields(operation, fields);
    const isRead = operation.method === 'GET';
    const asked = operation.query ? parse(operation.query, isRead ? { ...query, ...given } : query) : query;
    return (await operation.handle({ actor: await actorFor(as), params, query: asked, body: body ?? given })).body;
  };
  try {
    await app.host.startAll(false);
    await work(Object.assign(operate, { takesId: (id: string) => find(id).path.includes(':id') }));
  } finally {
    await app.stop();
  }
}

/** `email=a@example.com role=admin`, read as the operation's fields are meant. */
function readFields({ body, query }: Operation, fields: readonly string[]): Readonly<Record<string, unknown>> {
  const pairs = fields.map((field): [string, string] => {
    const at = field.indexOf('=');
    if (at < 1) throw new InvalidInput({ [field]: ['must be name=value'] });
    return [field.slice(0, at).replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()), field.slice(at + 1)];
  });
  const schema = body ?? query;
  const unknown = pairs.filter(([name]) => schema?.shape[name] === undefined);
  if (unknown.length > 0)
    throw new InvalidInput(Object.fromEntries(unknown.map(([name]) => [name, [`is not known; there are: ${Object.keys(schema?.shape ?? {}).join(', ')}`]])));
  return schema
    ? readForm(
        schema,
        new URLSearchParams(pairs),
        pairs.map(([name]) => name),
      )
    : {};
}
