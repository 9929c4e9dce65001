import type { Run } from '../system/run.ts';
import { nextTurn } from '../system/turn.ts';
import type { DesiredPeer } from './desired.ts';
import type { Cidr, PresharedKey, PrivateKey, PublicKey } from './inputs.ts';

export interface ObservedPeer {
  readonly publicKey: PublicKey;
  readonly presharedKey: PresharedKey | null;
  /** `address:port` of its last packet. */
  readonly endpoint: string | null;
  readonly allowedIps: readonly Cidr[];
  readonly latestHandshake: Date | null;
  readonly rxBytes: number;
  readonly txBytes: number;
  /** Seconds; null when off, as the server's side always should be. */
  readonly keepalive: number | null;
}

export interface ObservedWg {
  readonly privateKey: PrivateKey | null;
  readonly listenPort: number;
  /** `off`, unless somebody set one: packets would then leave by other routes. */
  readonly fwmark: string;
  readonly peers: ReadonlyMap<PublicKey, ObservedPeer>;
}

/** The traffic of an interface: how many peers it has, and those that were ever heard of. */
export interface Traffic {
  readonly peerCount: number;
  readonly met: readonly ObservedPeer[];
}

export interface Wg {
  show(name: string): Promise<ObservedWg>;
  traffic(name: string): Promise<Traffic>;
  /** Where these peers are, those of whom that is known. */
  endpoints(name: string, publicKeys: readonly PublicKey[]): Promise<ReadonlyMap<PublicKey, string>>;
  configure(name: string, settings: { readonly privateKey: PrivateKey; readonly listenPort: number }): Promise<void>;
  /**
   * Adds peers, or changes them in place: their endpoints and sessions stay. A peer that comes back is given the endpoint
   * it had and a packet is sent there at once; otherwise it would be deaf until its own next handshake, for 15 s or more.
   */
  setPeers(name: string, peers: readonly DesiredPeer[], endpoints: ReadonlyMap<PublicKey, string>): Promise<void>;
  removePeers(name: string, publicKeys: readonly PublicKey[]): Promise<void>;
}

/** The longest argument list is 2 MB on Linux; a removal takes 56 bytes. */
const REMOVALS_AT_ONCE = 10_000;
const GREETINGS_AT_ONCE = 5_000;
const PARSED_AT_ONCE = 1_000;
/** Handshake, counters and keepalive of most of ten thousand peers. */
const NEVER_MET = '\t0\t0\t0\toff';

/** wg(8). Keys other than public ones are given on standard input only. */
export function createWg(run: Run): Wg {
  return {
    async show(name) {
      const { stdout } = await run(['wg', 'show', name, 'dump']);
      return parseDump(stdout);
    },
    async traffic(name) {
      const { stdout } = await run(['wg', 'show', name, 'dump']);
      const [, ...lines] = stdout.trimEnd().split('\n');
      return { peerCount: lines.length, met: await parsePeers(lines.filter((line) => !line.endsWith(NEVER_MET))) };
    },
    async endpoints(name, publicKeys) {
      const { stdout } = await run(['wg', 'show', name, 'endpoints']);
      const asked = new Set<string>(publicKeys);
      const lines = stdout.split('\n').filter((line) => asked.has(line.slice(0, line.indexOf('\t'))));
      return new Map(lines.map((line) => line.split('\t')).filter(([, endpoint]) => orNull(endpoint) !== null) as [PublicKey, string][]);
    },
    async configure(name, { privateKey, listenPort }) {
      await run(['wg', 'set', name, 'listen-port', String(listenPort), 'fwmark', '0', 'private-key', '/dev/stdin'], { stdin: `${privateKey}\n` });
    },
    async setPeers(name, peers, endpoints) {
      if (peers.length === 0) return;
      const sections = peers.map((peer) => peerSection(peer, endpoints.get(peer.publicKey)));
      await run(['wg', 'addconf', name, '/dev/stdin'], { stdin: sections.join('\n'), deadlineMs: 60_000 });
      const returning = peers.filter(({ publicKey }) => endpoints.has(publicKey)).slice(0, GREETINGS_AT_ONCE);
      // Switching the keepalive on sends one packet, which begins a handshake (wg(8)).
      for (const seconds of returning.length > 0 ? ['25', 'off'] : []) {
        await run(['wg', 'set', name, ...returning.flatMap(({ publicKey }) => ['peer', publicKey, 'persistent-keepalive', seconds])]);
      }
    },
    async removePeers(name, publicKeys) {
      for (let i = 0; i < publicKeys.length; i += REMOVALS_AT_ONCE) {
        const removals = publicKeys.slice(i, i + REMOVALS_AT_ONCE).flatMap((key) => ['peer', key, 'remove']);
        await run(['wg', 'set', name, ...removals]);
      }
    },
  };
}

/** Reads `wg show <interface> dump`: a line for the interface, then one a peer, fields separated by tabs. */
export async function parseDump(dump: string): Promise<ObservedWg> {
  const [first = '', ...rest] = dump.trimEnd().split('\n');
  const [privateKey, , listenPort, fwmark = 'off'] = first.split('\t');
  const peers = await parsePeers(rest);
  return {
    privateKey: orNull(privateKey) as PrivateKey | null,
    listenPort: Number(listenPort),
    fwmark,
    peers: new Map(peers.map((peer) => [peer.publicKey, peer])),
  };
}

/** Whether a peer needs nothing done to it. */
export function isAsWanted(present: ObservedPeer, { presharedKey, allowedIps }: DesiredPeer): boolean {
  const hasSameIps = present.allowedIps.length === allowedIps.length && allowedIps.every((network) => present.allowedIps.includes(network));
  return hasSameIps && present.presharedKey === presharedKey && present.keepalive === null;
}

async function parsePeers(lines: readonly string[]): Promise<readonly ObservedPeer[]> {
  const peers: ObservedPeer[] = [];
  for (const line of lines) {
    peers.push(parsePeer(line));
    if (peers.length % PARSED_AT_ONCE === 0) await nextTurn();
  }
  return peers;
}

function parsePeer(line: string): ObservedPeer {
  const [publicKey, presharedKey, endpoint, allowedIps = '', latestHandshake, rxBytes, txBytes, keepalive = 'off'] = line.split('\t');
  return {
    publicKey: publicKey as PublicKey,
    presharedKey: orNull(presharedKey) as PresharedKey | null,
    endpoint: orNull(endpoint),
    allowedIps: allowedIps === '(none)' ? [] : (allowedIps.split(',') as Cidr[]),
    latestHandshake: latestHandshake === '0' ? null : new Date(Number(latestHandshake) * 1_000),
    rxBytes: Number(rxBytes),
    txBytes: Number(txBytes),
    keepalive: keepalive === 'off' ? null : Number(keepalive),
  };
}

function orNull(text: string | undefined): string | null {
  return text === undefined || text === '(none)' ? null : text;
}

// A section's AllowedIPs replace those the peer has, with none as well; an empty line is refused (wg(8), addconf).
export function peerSection({ publicKey, presharedKey, allowedIps }: DesiredPeer, endpoint: string | undefined): string {
  const last = endpoint === undefined ? '' : `Endpoint = ${endpoint}\n`;
  const routed = allowedIps.length === 0 ? '' : `AllowedIPs = ${allowedIps.join(', ')}\n`;
  return `[Peer]\nPublicKey = ${publicKey}\nPresharedKey = ${presharedKey}\nPersistentKeepalive = off\n${routed}${last}`;
}
