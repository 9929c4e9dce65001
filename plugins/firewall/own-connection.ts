import type { Actor, Host } from '#core';
import { decide } from './decide.ts';
import { createJudge, type Judge } from './judge.ts';
import { packetTo } from './simulator.ts';

/** Whether a change keeps its author, who sits at a page behind the tunnel, from reaching this very page, and did not before. */
export async function isCutOff(host: Pick<Host, 'network' | 'settings' | 'db'>, judge: Judge, actor: Actor): Promise<boolean> {
  // The reading connection does not see what the transaction has written.
  return !(await reaches(host, judge, actor)) && reaches(host, await createJudge(host, host.db), actor);
}

async function reaches({ network }: Pick<Host, 'network'>, judge: Judge, { via, ip, arrivedAt }: Actor): Promise<boolean> {
  if (via !== 'page' || ip === null || arrivedAt === undefined) return true;
  const device = await network.deviceAt(ip);
  if (device === null) return true;
  const [verdict] = decide(await judge.entriesFor(device.userId), packetTo(arrivedAt.address, 'tcp', arrivedAt.port));
  return verdict?.verdict !== 'drop';
}
