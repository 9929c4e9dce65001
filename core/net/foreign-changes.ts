import { allPeers, type DesiredPeer, type DesiredState } from './desired.ts';
import type { Observed } from './plan.ts';
import { isAsWanted, type ObservedPeer, type ObservedWg } from './wg.ts';

type Here = Pick<Observed, 'link' | 'wg' | 'missingForwarding'>;

/** What others have done to the interface since it was as `left` says: a sentence each, for people. */
export function foreignChanges(left: DesiredState, { link, wg, missingForwarding }: Here): readonly string[] {
  const { interface: wanted, forwarding, routes } = left;
  const { name, addresses } = wanted;
  const switchedOff = missingForwarding.filter((sysctl) => forwarding.includes(sysctl)).map((sysctl) => `${sysctl} was switched off`);
  if (link === null) return [`the interface ${name} was deleted`, ...switchedOff];
  return [
    ...switchedOff,
    ...addresses.filter((address) => !link.addresses.includes(address)).map((address) => `the address ${address} was removed from ${name}`),
    ...link.addresses.filter((address) => !addresses.includes(address)).map((address) => `the address ${address} was added to ${name}`),
    ...(link.isUp ? [] : [`${name} was taken down`]),
    ...(link.mtu === wanted.mtu ? [] : [`the MTU of ${name} was set to ${link.mtu}`]),
    ...routes.filter((route) => !link.routes.includes(route)).map((route) => `the route ${route} was removed`),
    ...link.routes.filter((route) => !routes.includes(route)).map((route) => `the route ${route} was added`),
    ...(wg === null ? [] : foreignWg(left, wg)),
  ];
}

function foreignWg(left: DesiredState, wg: ObservedWg): readonly string[] {
  const { name, listenPort, privateKey } = left.interface;
  const isOurs = wg.listenPort === listenPort && wg.privateKey === privateKey && wg.fwmark === 'off';
  const peers = allPeers(left);
  const keys = new Set(peers.map(({ publicKey }) => publicKey));
  return [
    ...(isOurs ? [] : [`key, port or mark of ${name} were changed`]),
    ...peers.filter(({ publicKey }) => !wg.peers.has(publicKey)).map(({ publicKey }) => `the peer ${publicKey} was removed`),
    ...[...wg.peers.keys()].filter((key) => !keys.has(key)).map((key) => `the peer ${key} was added`),
    ...peers.filter((peer) => isChanged(wg.peers.get(peer.publicKey), peer)).map(({ publicKey }) => `the peer ${publicKey} was changed`),
  ];
}

function isChanged(present: ObservedPeer | undefined, wanted: DesiredPeer): boolean {
  return present !== undefined && !isAsWanted(present, wanted);
}
