import { existsSync } from 'node:fs';
import { messageOf } from '../errors.ts';
import type { Run } from '../system/run.ts';

/** Why the data plane cannot run here, in a sentence for people; null when it can. */
export async function whyNoDataPlane(mode: 'auto' | 'true' | 'false', run: Run): Promise<string | null> {
  if (mode === 'false') return 'WG_WG_ENABLED is false.';
  for (const program of ['wg', 'nft', 'ip']) {
    const isThere = await run([program, program === 'ip' ? '-V' : '--version']).then(
      () => true,
      () => false,
    );
    if (!isThere) return `the program ${program} is not installed.`;
  }
  const missing = await run(['nft', 'list', 'tables']).then(
    () => null,
    (error: unknown) => messageOf(error),
  );
  if (missing !== null) return 'it needs the capability CAP_NET_ADMIN: start it as root or by its systemd unit.';
  return (await hasWireguard(run)) ? null : 'this kernel has no WireGuard, and wireguard-go is not installed.';
}

/** The kernel's module, loaded or loadable, or wireguard-go. */
async function hasWireguard(run: Run): Promise<boolean> {
  if (existsSync('/sys/module/wireguard')) return true;
  const probes: readonly (readonly [string, ...string[]])[] = [
    ['modprobe', '-n', 'wireguard'],
    ['wireguard-go', '--version'],
  ];
  for (const probe of probes) {
    const works = await run(probe).then(
      () => true,
      () => false,
    );
    if (works) return true;
  }
  return false;
}
