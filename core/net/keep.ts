import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import { isIpv6 } from './cidr.ts';
import type { DesiredState } from './desired.ts';
import { ROUTE_PROTOCOL } from './ip.ts';
import { replaceBatch } from './nft.ts';
import { peerSection } from './wg.ts';

/** Writes down the state that was brought about, before anybody is told so. */
export type Keep = (state: DesiredState) => void;

/**
 * Keeps the last applied state in a folder, as the programs of a boot unit read it: `rules.nft` (nft -f), `peers.conf`
 * (wg setconf), `links.ip` (ip -batch), and `facts`: the interface's name, when this was written, and when the state stops
 * being right by itself, in seconds of Unix time. What is kept is on disk; a state that cannot be kept is forgotten, so
 * that nobody who has lost access comes back at the next boot.
 */
export function createKeep(directory: string, clock: Clock, log: Log): Keep {
  const kept = new Map<string, string>();
  let keptState: DesiredState | null = null;

  function keepFile(file: string, text: string): boolean {
    const digest = createHash('sha256').update(text).digest('hex');
    if (kept.get(file) === digest) return false;
    write(directory, file, text);
    kept.set(file, digest);
    return true;
  }

  return (state) => {
    // Comparing the texts of ten thousand peers takes longer than looking at the kernel.
    if (state === keptState) return;
    const until = state.nextChangeAt === null ? 'never' : seconds(state.nextChangeAt);
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      // The rules first: a peer that they do not know reaches nothing.
      const isNew = [
        keepFile('rules.nft', replaceBatch(state.ruleset, null)),
        keepFile('peers.conf', peersText(state)),
        keepFile('links.ip', linksText(state)),
        kept.get('until') !== String(until),
      ].includes(true);
      if (isNew) write(directory, 'facts', `${state.interface.name} ${seconds(clock.now())} ${until}\n`);
      kept.set('until', String(until));
      keptState = state;
    } catch (error) {
      kept.clear();
      keptState = null;
      log.error({ error: messageOf(error) }, 'the applied network could not be kept for the next boot');
      rmSync(directory, { recursive: true, force: true });
    }
  };
}

function peersText({ interface: { privateKey, listenPort }, peers }: DesiredState): string {
  return [`[Interface]\nPrivateKey = ${privateKey}\nListenPort = ${listenPort}\n`, ...[...peers.values()].map((peer) => peerSection(peer, undefined))].join(
    '\n',
  );
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
function write(directory: string, file: string, text: string): void {
  const path = join(directory, file);
  writeFileSync(`${path}.new`, text, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
  const folder = openSync(directory, 'r');
  fsyncSync(folder);
  closeSync(folder);
}

function seconds(time: Date): number {
  return Math.floor(time.getTime() / 1_000);
}
