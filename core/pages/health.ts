import { hasAdmin } from '../accounts/store.ts';
import type { Db } from '../db/open.ts';
import { json, type Route } from '../http/route.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { PluginHost } from '../plugin/host.ts';
import { VERSION } from '../version.ts';
import type { NetworkView } from './network-view.ts';

interface HealthParts {
  readonly db: Db;
  readonly network: NetworkView;
  readonly host: PluginHost;
  readonly jobs: Jobs;
  readonly isSafeMode: () => boolean;
}

/**
 * `GET /api/health`, without a token: 200 when database and network work, else 503. Says nothing that helps an attacker:
 * states, no addresses, names or reasons beyond the data plane's.
 */
export function healthPage({ db, network, host, jobs, isSafeMode }: HealthParts): Route {
  async function isDatabaseWorking(): Promise<boolean> {
    return hasAdmin(db).then(
      () => true,
      () => false,
    );
  }

  return {
    method: 'GET',
    path: '/api/health',
    permission: 'public',
    auth: 'bearer',
    async handle() {
      const isDatabaseOk = await isDatabaseWorking();
      const status = network.status();
      const isOk = isDatabaseOk && status.kind !== 'failed';
      const body = {
        status: isOk ? 'ok' : 'failed',
        version: VERSION,
        database: isDatabaseOk ? 'ok' : 'failed',
        network: status.kind === 'off' ? { state: 'off', why: status.why } : { state: status.kind },
        drift_repaired: network.driftCount(),
        safe_mode: isSafeMode(),
        plugins: Object.fromEntries(host.statuses().map(({ plugin, state }) => [plugin.manifest.id, state.kind])),
        jobs_failing: jobs
          .states()
          .filter(({ lastError }) => lastError !== null)
          .map(({ id }) => id),
      };
      return json(body, isOk ? 200 : 503);
    },
  };
}
