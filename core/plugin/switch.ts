import type { Actor } from '../accounts/permissions.ts';
import type { Audit } from '../audit/audit.ts';
import type { Db } from '../db/open.ts';
import type { PluginHost, PluginStatus } from './host.ts';

interface SwitchParts {
  readonly db: Db;
  readonly audit: Audit;
  readonly host: PluginHost;
}

/** Switches a plugin on or off, and records who did. */
export async function switchPlugin({ db, audit, host }: SwitchParts, actor: Actor, id: string, verb: 'enable' | 'disable'): Promise<PluginStatus> {
  const status = await host[verb](id);
  const { manifest } = status.plugin;
  const entry = { action: `plugin.${verb}d`, target: { type: 'plugin', id: manifest.id, name: manifest.title }, changes: { state: status.state.kind } };
  await db.transaction((tx) => audit.record(tx, actor, entry));
  return status;
}
