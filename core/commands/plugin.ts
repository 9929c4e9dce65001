import { plugins } from '../../plugins/index.ts';
import { systemActor } from '../accounts/permissions.ts';
import { NotFound } from '../errors.ts';
import { createPluginStates } from '../plugin/states.ts';
import { openConsole, print } from './console.ts';

/** Writes the decision down; the next start, or the running service within a second, follows it. */
export async function switchPlugin(id: string, isEnabled: boolean): Promise<void> {
  const plugin = plugins.find(({ manifest }) => manifest.id === id);
  if (!plugin) throw new NotFound(`there is no plugin ${JSON.stringify(id)}; there are: ${plugins.map(({ manifest }) => manifest.id).join(', ')}`);
  using console = openConsole();
  await createPluginStates(console.db, console.clock).setEnabled(id, isEnabled);
  const entry = { action: isEnabled ? 'plugin.enabled' : 'plugin.disabled', target: { type: 'plugin', id, name: plugin.manifest.title } };
  await console.db.transaction((tx) => console.audit.record(tx, systemActor('console', 'cli'), entry));
  print(`${plugin.manifest.title} is ${isEnabled ? 'on' : 'off'}.`);
}
