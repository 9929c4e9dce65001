import type { Queries } from '../db/open.ts';
import type { Guard, Settings } from '../settings/settings.ts';
import { en } from '../text/en.ts';
import type { Provisional } from './provisional.ts';

/** Fields that move the tunnel from under whoever comes through it. */
const CUTTING = ['ipv4Network', 'ipv6Network', 'listenPort'] as const;

/** Somebody at a browser who moves the networks or the listening port has to show that they are still there. */
export function confirmNetwork(provisional: Provisional): Guard {
  return async (tx, next, previous, actor) => {
    await provisional.refuseWhileWaiting(tx, 'network');
    const isCutting = CUTTING.some((field) => next[field] !== previous[field]);
    if (isCutting && actor.via === 'page') await provisional.begin(tx, actor, { owner: 'network', title: en.settings.network.title, undo: previous });
  };
}

export async function takeBackNetwork(tx: Queries, settings: Settings, undo: unknown): Promise<boolean> {
  await settings.restore(tx, 'network', undo as Readonly<Record<string, unknown>>);
  return true;
}
