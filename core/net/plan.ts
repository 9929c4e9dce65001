import { overlaps, parseCidr } from './cidr.ts';
import { allPeers, type DesiredPeer, type DesiredState } from './desired.ts';
import type { Cidr, PublicKey } from './inputs.ts';
import type { ObservedLink } from './ip.ts';
import { changeBatch, replaceBatch } from './nft.ts';
import { chainsOf, differing, elementsOf, type Ruleset } from './ruleset.ts';
import { isAsWanted, type ObservedWg } from './wg.ts';

/** One change to the kernel. Their order in a plan is the order they are made in. */
export type Step =
  | { readonly kind: 'create-interface' }
  | { readonly kind: 'configure-interface' }
  | { readonly kind: 'set-link'; readonly mtu: number }
  | { readonly kind: 'enable-forwarding'; readonly names: readonly string[] }
  | { readonly kind: 'add-address'; readonly address: string }
  | { readonly kind: 'remove-address'; readonly address: string }
  | { readonly kind: 'apply-ruleset'; readonly batch: string }
  | { readonly kind: 'set-peers'; readonly peers: readonly DesiredPeer[] }
  | { readonly kind: 'remove-peers'; readonly publicKeys: readonly PublicKey[] }
  | { readonly kind: 'add-route'; readonly route: Cidr }
  | { readonly kind: 'remove-route'; readonly route: Cidr }
  | { readonly kind: 'forget-flows'; readonly networks: readonly Cidr[] };

export interface Observed {
  readonly link: ObservedLink | null;
  readonly wg: ObservedWg | null;
  readonly missingForwarding: readonly string[];
  /** What our table holds, when that is known; null means: replace whatever is there. */
  readonly ruleset: Ruleset | null;
  readonly listing: string | null;
}

/**
 * The steps from what is to what should be; none when nothing differs. The ruleset comes before peers, so that no new
 * peer sends a packet that the rules do not know; peers are added before others go, so that an address is never without.
 */
export function plan(desired: DesiredState, observed: Observed): readonly Step[] {
  return [
    ...planInterface(desired, observed),
    ...planRuleset(desired, observed),
    ...planPeers(desired, observed),
    ...planRoutes(desired, observed),
    ...planFlows(desired, observed),
  ];
}

/** The steps from a state that is known to be in force to one with other rules and peers, in the same order. */
export function planBetween(before: DesiredState, desired: DesiredState): readonly Step[] {
  const observed = { ruleset: before.ruleset, listing: null };
  const [was, will] = [changedPeers(before, desired), changedPeers(desired, before)];
  const changed = [...will.values()].filter((peer) => !isSame(was.get(peer.publicKey), peer));
  const gone = [...was.keys()].filter((publicKey) => !will.has(publicKey));
  return [...planRuleset(desired, observed), ...peerSteps(changed, gone), ...planFlows(desired, observed)];
}

/** All peers of the users who do not have the very same in the other state. */
function changedPeers(one: DesiredState, other: DesiredState): ReadonlyMap<PublicKey, DesiredPeer> {
  const peers = new Map<PublicKey, DesiredPeer>();
  for (const [userId, own] of one.peers) if (other.peers.get(userId) !== own) for (const peer of own) peers.set(peer.publicKey, peer);
  return peers;
}

function isSame(one: DesiredPeer | undefined, other: DesiredPeer): boolean {
  return one?.presharedKey === other.presharedKey && one.allowedIps.join() === other.allowedIps.join();
}

function planInterface({ interface: wanted, forwarding }: DesiredState, { link, wg, missingForwarding }: Observed): readonly Step[] {
  const addresses = link?.addresses ?? [];
  const steps: Step[] = [];
  const switchedOff = missingForwarding.filter((name) => forwarding.includes(name));
  if (switchedOff.length > 0) steps.push({ kind: 'enable-forwarding', names: switchedOff });
  if (link === null) steps.push({ kind: 'create-interface' });
  const isConfigured = wg !== null && wg.privateKey === wanted.privateKey && wg.listenPort === wanted.listenPort && wg.fwmark === 'off';
  if (!isConfigured) steps.push({ kind: 'configure-interface' });
  for (const address of wanted.addresses) if (!addresses.includes(address)) steps.push({ kind: 'add-address', address });
  if (link === null || link.mtu !== wanted.mtu || !link.isUp) steps.push({ kind: 'set-link', mtu: wanted.mtu });
  for (const address of addresses) if (!wanted.addresses.includes(address)) steps.push({ kind: 'remove-address', address });
  return steps;
}

function planRuleset(desired: DesiredState, { ruleset, listing }: Pick<Observed, 'ruleset' | 'listing'>): readonly Step[] {
  const batch = ruleset === null ? replaceBatch(desired.ruleset, listing) : changeBatch(ruleset, desired.ruleset);
  return batch === '' ? [] : [{ kind: 'apply-ruleset', batch }];
}

function planPeers(desired: DesiredState, { wg }: Observed): readonly Step[] {
  const present: ObservedWg['peers'] = wg?.peers ?? new Map();
  const wanted = allPeers(desired);
  const changed = wanted.filter((peer) => {
    const current = present.get(peer.publicKey);
    return current === undefined || !isAsWanted(current, peer);
  });
  const keys = new Set(wanted.map(({ publicKey }) => publicKey));
  return peerSteps(
    changed,
    [...present.keys()].filter((publicKey) => !keys.has(publicKey)),
  );
}

function peerSteps(changed: readonly DesiredPeer[], gone: readonly PublicKey[]): readonly Step[] {
  return [
    ...(changed.length > 0 ? [{ kind: 'set-peers', peers: changed } as const] : []),
    ...(gone.length > 0 ? [{ kind: 'remove-peers', publicKeys: gone } as const] : []),
  ];
}

function planRoutes({ routes }: DesiredState, { link }: Observed): readonly Step[] {
  const present = link?.routes ?? [];
  return [
    ...routes.filter((route) => !present.includes(route)).map((route) => ({ kind: 'add-route', route }) as const),
    ...present.filter((route) => !routes.includes(route)).map((route) => ({ kind: 'remove-route', route }) as const),
  ];
}

/** Beyond so many sources the tunnel's networks are searched for as a whole. */
const SEPARATE_FLOWS = 32;

/**
 * Flows of sources whose rules became tighter: answers pass by connection state, so an open flow would go on.
 * The flows of a source that is gone are forgotten too, lest the next device with its address inherit them.
 */
function planFlows({ ruleset: next, interface: { addresses }, routes }: DesiredState, { ruleset: previous }: Pick<Observed, 'ruleset'>): readonly Step[] {
  const whole = [...addresses.map((address) => parseCidr(address)).filter((network) => network !== null), ...routes];
  // Nobody knows what has been let through until now.
  if (previous === null) return whole.length > 0 ? [{ kind: 'forget-flows', networks: whole }] : [];
  const [before, after] = [differing(previous, next), differing(next, previous)];
  const [chainsAfter, elementsAfter] = [chainsOf(after), elementsOf(after)];
  const tightened = new Set([...chainsOf(before)].filter(([chain, rules]) => isTighter(rules, chainsAfter.get(chain) ?? [])).map(([chain]) => chain));
  const isEverybodys = ['global', 'from_peers', 'to_peers'].some((chain) => tightened.has(chain));
  const isAffected = ([network, verdict]: readonly [Cidr, string]) =>
    isEverybodys || elementsAfter.get(network) !== verdict || tightened.has(verdict.replace('goto ', ''));
  const affected = [...elementsOf(isEverybodys ? previous : before)].filter(isAffected).map(([network]) => network);
  const isMany = isEverybodys || affected.length > SEPARATE_FLOWS;
  // Addresses of a tunnel network that was changed a moment ago are not in the present one.
  const elsewhere = affected.filter((network) => !whole.some((covering) => overlaps(covering, network)));
  const networks = isMany ? [...whole, ...elsewhere.slice(0, SEPARATE_FLOWS)] : affected;
  return networks.length > 0 ? [{ kind: 'forget-flows', networks }] : [];
}

/** Unless all that came accepts and all that went dropped. */
function isTighter(before: readonly string[], after: readonly string[]): boolean {
  if (before === after) return false;
  const added = after.filter((rule) => !before.includes(rule));
  const removed = before.filter((rule) => !after.includes(rule));
  const isReordered = added.length === 0 && removed.length === 0 && before.join('\n') !== after.join('\n');
  return isReordered || added.some((rule) => !rule.endsWith('accept')) || removed.some((rule) => !rule.endsWith('drop'));
}
