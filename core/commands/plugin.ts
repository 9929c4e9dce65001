import { plugins } from '../../plugins/index.ts';
import { systemActor } from '../accounts/permissions.ts';
import { NotFound } from '../errors.ts';
import { createPluginStates } from '../plugin/states.ts';
import { atConsole, print } from './console.ts';

/** Writes the decision down; the next start, or the running service within a second, follows it. */
export async function switchPlugin(id: string, isEnabled: boolean): Promise<void> {
  const plugin = plugins.find(({ manifest }) => manifest.id === id);
  if (!plugin) throw new NotFound(`there is no plugin ${JSON.stringify(id)}; there are: ${plugins.map(({ manifest }) => manifest.id).join(', ')}`);
  const entry = { action: isEnabled ? 'plugin.enabled' : 'plugin.disabled', target: { type: 'plugin', id, name: plugin.manifest.title } };
  await atConsole(async ({ db, clock, audit }) => {
    await createPluginStates(db, clock).setEnabled(id, isEnabled);
    await db.transaction((tx) => audit.record(tx, systemActor('console', 'cli'), entry));
  });
  print(`${plugin.manifest.title} is ${isEnabled ? 'on' : 'off'}.`);
}
