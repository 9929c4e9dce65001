import { eq } from 'drizzle-orm';
import type { Db } from '../db/open.ts';
import type { EventBus } from '../events/bus.ts';
import type { Job } from '../jobs/jobs.ts';
import type { PublicKey } from '../net/inputs.ts';
import { devices } from './tables.ts';

interface PeerStats {
  readonly publicKey: string;
  readonly endpoint: string | null;
  readonly latestHandshake: Date | null;
  readonly rxBytes: number;
  readonly txBytes: number;
}

interface StatsParts {
  readonly db: Db;
  readonly events: EventBus;
  readonly peers: () => Promise<readonly PeerStats[]>;
}

const EVERY_MS = 15_000;

/** Copies what the interface knows of its peers into the database, in one transaction, and only what changed. */
export function statsJob({ db, events, peers }: StatsParts): Job {
  const seen = new Map<string, string>();

  return {
    id: 'stats',
    everyMs: EVERY_MS,
    deadlineMs: 30_000,
    async run() {
      const changed = (await peers()).filter((peer) => seen.get(peer.publicKey) !== fingerprint(peer));
      if (changed.length === 0) return;
      await db.transaction(async (tx) => {
        for (const peer of changed) {
          const set = { remoteIp: addressOf(peer.endpoint), latestHandshake: peer.latestHandshake, rxBytes: peer.rxBytes, txBytes: peer.txBytes };
          await tx
            .update(devices)
            .set(set)
            .where(eq(devices.publicKey, peer.publicKey as PublicKey));
        }
      });
      for (const peer of changed) seen.set(peer.publicKey, fingerprint(peer));
      events.emit('stats.changed', {});
    },
  };
}

function fingerprint({ endpoint, latestHandshake, rxBytes, txBytes }: PeerStats): string {
  return `${endpoint}|${latestHandshake?.getTime()}|${rxBytes}|${txBytes}`;
}

/** `192.0.2.1:51820` and `[2001:db8::1]:51820` without the port. */
function addressOf(endpoint: string | null): string | null {
  return endpoint?.replace(/:\d+$/, '').replace(/^\[|\]$/g, '') ?? null;
}
