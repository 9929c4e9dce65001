import type { Db } from '../db/open.ts';
import { devicesByKeys, findDevices, type OwnedDevice } from '../devices/store.ts';
import { type ListState, pagerFor, readList } from '../http/lists.ts';
import { type Route, view } from '../http/route.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Notifications } from '../notifications/notifications.ts';
import type { Panel } from '../plugin/contract.ts';
import type { Clock } from '../system/clock.ts';
import { diskSpace } from '../system/disk.ts';
import { en } from '../text/en.ts';
import type { NetworkView, PeerView } from './network-view.ts';
import { showPanels } from './panels.ts';

interface DiagnosticsPageParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly network: NetworkView;
  readonly notifications: Notifications;
  readonly jobs: Jobs;
  readonly dataDirectory: string;
  readonly panels: () => readonly Panel<null>[];
}

const ROOT = '/admin/diagnostics';
/** Somebody who looks for more than these looks at devices instead. */
const MOST_FOUND = 500;
const RECENT = 5;

/** The box from inside: the interface with its peers, what was repaired, the rules in force, jobs, clock and disk. */
export function diagnosticsPages({ db, clock, network, notifications, jobs, dataDirectory, panels }: DiagnosticsPageParts): readonly Route[] {
  /** Peers that carry what is searched for, or whose device or owner does. */
  async function matching(peers: readonly PeerView[], { q }: ListState): Promise<readonly PeerView[]> {
    if (q === '') return peers;
    const { items } = await findDevices(db, { q, limit: MOST_FOUND });
    const keys = new Set<string>(items.map(({ publicKey }) => publicKey));
    return peers.filter(
      ({ publicKey, endpoint, allowedIps }) => keys.has(publicKey) || [publicKey, endpoint ?? '', ...allowedIps].some((text) => text.includes(q)),
    );
  }

  return [
    {
      method: 'GET',
      path: ROOT,
      permission: 'diagnostics.read',
      async handle(request) {
        const { query } = request;
        const state = readList(query, [], '');
        const all = await network.peers();
        const found = await matching(all, state);
        const shown = found.slice(state.offset, state.offset + state.limit);
        const devices = new Map<string, OwnedDevice>(
          (
            await devicesByKeys(
              db,
              shown.map(({ publicKey }) => publicKey),
            )
          ).map((device) => [device.publicKey, device]),
        );
        return view('core/diagnostics', {
          title: en.diagnostics.title,
          root: ROOT,
          interfaceName: network.interfaceName,
          serverPublicKey: await network.serverPublicKey(),
          peers: shown.map((peer) => ({ ...peer, device: devices.get(peer.publicKey) ?? null })),
          peerCount: all.length,
          state,
          pager: pagerFor(ROOT, query, state, found.length),
          drift: network.drift(),
          ruleset: await network.ruleset(),
          notifications: (await notifications.list()).slice(0, RECENT),
          jobs: jobs.states(),
          now: clock.now(),
          disk: await diskSpace(dataDirectory).catch(() => null),
          panels: await showPanels(panels(), request, null),
        });
      },
    },
  ];
}
