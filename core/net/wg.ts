import type { Run } from '../system/run.ts';
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
}

export interface ObservedWg {
  readonly privateKey: PrivateKey | null;
  readonly listenPort: number;
  readonly peers: ReadonlyMap<PublicKey, ObservedPeer>;
}

export interface Wg {
  show(name: string): Promise<ObservedWg>;
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

/** wg(8). Keys other than public ones are given on standard input only. */
export function createWg(run: Run): Wg {
  return {
    async show(name) {
      const { stdout } = await run(['wg', 'show', name, 'dump']);
      return parseDump(stdout);
    },
    async configure(name, { privateKey, listenPort }) {
      await run(['wg', 'set', name, 'listen-port', String(listenPort), 'private-key', '/dev/stdin'], { stdin: `${privateKey}\n` });
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
export function parseDump(dump: string): ObservedWg {
  const [first = '', ...rest] = dump.trimEnd().split('\n');
  const [privateKey, , listenPort] = first.split('\t');
  const peers = rest.map(parsePeer);
  return { privateKey: orNull(privateKey) as PrivateKey | null, listenPort: Number(listenPort), peers: new Map(peers.map((peer) => [peer.publicKey, peer])) };
}

function parsePeer(line: string): ObservedPeer {
  const [publicKey, presharedKey, endpoint, allowedIps = '', latestHandshake, rxBytes, txBytes] = line.split('\t');
  return {
    publicKey: publicKey as PublicKey,
    presharedKey: orNull(presharedKey) as PresharedKey | null,
    endpoint: orNull(endpoint),
    allowedIps: allowedIps === '(none)' ? [] : (allowedIps.split(',') as Cidr[]),
    latestHandshake: latestHandshake === '0' ? null : new Date(Number(latestHandshake) * 1_000),
    rxBytes: Number(rxBytes),
    txBytes: Number(txBytes),
  };
}

function orNull(text: string | undefined): string | null {
  return text === undefined || text === '(none)' ? null : text;
}

// In a configuration a peer's AllowedIPs replace those it has (wg(8), addconf).
function peerSection({ publicKey, presharedKey, allowedIps }: DesiredPeer, endpoint: string | undefined): string {
  const last = endpoint === undefined ? '' : `Endpoint = ${endpoint}\n`;
  return `[Peer]\nPublicKey = ${publicKey}\nPresharedKey = ${presharedKey}\nAllowedIPs = ${allowedIps.join(', ')}\n${last}`;
}
