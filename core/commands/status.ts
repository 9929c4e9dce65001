import { readConfig } from '../config.ts';
import { Unavailable } from '../errors.ts';
import { print } from './console.ts';

interface Health {
  readonly status: string;
  readonly version: string;
  readonly database: string;
  readonly network: { readonly state: string; readonly why?: string };
  readonly plugins: Readonly<Record<string, string>>;
}

const DEADLINE_MS = 5_000;

/** Prints what `/api/health` says; the exit code is 1 unless all is well. */
export async function status(asJson: boolean): Promise<void> {
  const { port, host } = readConfig();
  const address = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  const response = await fetch(`http://${address}:${port}/api/health`, { signal: AbortSignal.timeout(DEADLINE_MS) }).catch((cause: unknown) => {
    throw new Unavailable(`no service answers on ${address}:${port}; start it with: wiregui serve`, { cause });
  });
  const health = (await response.json()) as Health;
  process.exitCode = response.ok ? 0 : 1;
  if (asJson) return print(JSON.stringify(health, null, 2));
  print(`WireGUI ${health.version}: ${health.status}`);
  print(`database  ${health.database}`);
  print(`network   ${health.network.state}${health.network.why ? ` (${health.network.why})` : ''}`);
  for (const [id, state] of Object.entries(health.plugins)) print(`plugin    ${id}: ${state}`);
}
