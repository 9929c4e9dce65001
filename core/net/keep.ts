import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import { nextTurn } from '../system/turn.ts';
import { isIpv6 } from './cidr.ts';
import { allPeers, type DesiredState } from './desired.ts';
import { ROUTE_PROTOCOL } from './ip.ts';
import { replacePortions } from './nft.ts';
import { peerSection } from './wg.ts';

/** Writes down the state that was brought about, before anybody is told so. */
export type Keep = (state: DesiredState) => Promise<void>;

const WRITTEN_AT_ONCE = 1_000;

/**
 * Keeps the last applied state in a folder, as the programs of a boot unit read it: `rules.nft` (nft -f), `peers.conf`
 * (wg setconf), `links.ip` (ip -batch), and `facts`: the interface's name, when this was written, and when the state stops
 * being right by itself, in seconds of Unix time. What is kept is on disk; a state that cannot be kept is forgotten, so
 * that nobody who has lost access comes back at the next boot.
 */
export function createKeep(directory: string, clock: Clock, log: Log): Keep {
  const kept = new Map<string, string>();
  let keptState: DesiredState | null = null;

  async function keepFile(file: string, portions: Iterable<string>): Promise<boolean> {
    const texts: string[] = [];
    const hash = createHash('sha256');
    for (const portion of portions) {
      texts.push(portion);
      hash.update(portion);
      await nextTurn();
    }
    const digest = hash.digest('hex');
    if (kept.get(file) === digest) return false;
    await write(directory, file, texts);
    kept.set(file, digest);
    return true;
  }

  return async (state) => {
    // Comparing the texts of ten thousand peers takes longer than looking at the kernel.
    if (state === keptState) return;
    const until = state.nextChangeAt === null ? 'never' : seconds(state.nextChangeAt);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      // The rules first: a peer that they do not know reaches nothing.
      const isNew = [
        await keepFile('rules.nft', replacePortions(state.ruleset, null)),
        await keepFile('peers.conf', peersText(state)),
        await keepFile('links.ip', [linksText(state)]),
        kept.get('until') !== String(until),
      ].includes(true);
      if (isNew) await write(directory, 'facts', [`${state.interface.name} ${seconds(clock.now())} ${until}\n`]);
      kept.set('until', String(until));
      keptState = state;
    } catch (error) {
      kept.clear();
      keptState = null;
      log.error({ error: messageOf(error) }, 'the applied network could not be kept for the next boot');
      await rm(directory, { recursive: true, force: true });
    }
  };
}

function* peersText(state: DesiredState): Iterable<string> {
  const { privateKey, listenPort } = state.interface;
  yield `[Interface]\nPrivateKey = ${privateKey}\nListenPort = ${listenPort}\n`;
  const peers = allPeers(state);
  for (let from = 0; from < peers.length; from += WRITTEN_AT_ONCE)
    yield peers
      .slice(from, from + WRITTEN_AT_ONCE)
      .map((peer) => `\n${peerSection(peer, undefined)}`)
      .join('');
}

function linksText({ interface: { name, mtu, addresses }, routes }: DesiredState): string {
  const lines = [
    ...addresses.map((address) => `address replace ${address} dev ${name}${isIpv6(address) ? ' nodad' : ''}`),
    `link set dev ${name} mtu ${mtu} up`,
    ...routes.map((route) => `route add ${route} dev ${name} proto ${ROUTE_PROTOCOL}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** In the place of the old one at once, or not at all, whenever the power goes. */
async function write(directory: string, file: string, texts: readonly string[]): Promise<void> {
  const path = join(directory, file);
  await writeFile(`${path}.new`, texts, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
  const folder = await open(directory, 'r');
  await folder.sync().finally(() => folder.close());
}

function seconds(time: Date): number {
  return Math.floor(time.getTime() / 1_000);
}
