import { messageOf, Unavailable } from '../errors.ts';
import type { Log } from '../system/log.ts';
import type { Run } from '../system/run.ts';
import type { DesiredPeer, DesiredState } from './desired.ts';
import type { Cidr, PublicKey } from './inputs.ts';
import { createIp } from './ip.ts';
import { createNft } from './nft.ts';
import type { Observed, Step } from './plan.ts';
import { createWg, type ObservedWg, type Traffic } from './wg.ts';

/** The three drivers as one: look at the kernel, and change it. */
export interface Kernel {
  observe(name: string): Promise<Pick<Observed, 'link' | 'wg' | 'missingForwarding'>>;
  /** Does every step that can be done, and says which those were and what became of the others. */
  apply(desired: DesiredState, steps: readonly Step[]): Promise<Outcome>;
  peers(name: string): Promise<ObservedWg['peers']>;
  traffic(name: string): Promise<Traffic>;
  /** Our table as nft lists it, or null when there is none. */
  listing(): Promise<string | null>;
  /** A batch for nft that is no step of a plan. */
  applyBatch(batch: string): Promise<void>;
}

export interface Outcome {
  readonly done: ReadonlySet<Step['kind']>;
  /** In words; empty when all went well. */
  readonly failures: readonly string[];
}

export function createKernel(run: Run, log: Log): Kernel {
  const wg = createWg(run);
  const ip = createIp(run);
  const nft = createNft(run);
  /** Where peers that have been removed were last. */
  const gone = new Map<PublicKey, string>();
  /** Where those are that are there. */
  let present = new Map<PublicKey, string>();

  async function perform({ interface: wanted }: DesiredState, step: Step): Promise<void> {
    const { name } = wanted;
    if (step.kind === 'create-interface') return ip.create(name);
    if (step.kind === 'configure-interface') return wg.configure(name, wanted);
    if (step.kind === 'set-link') return ip.setLink(name, step.mtu);
    if (step.kind === 'enable-forwarding') return ip.enableForwarding(step.names);
    if (step.kind === 'add-address') return ip.addAddress(name, step.address);
    if (step.kind === 'remove-address') return ip.removeAddress(name, step.address);
    if (step.kind === 'apply-ruleset') return nft.apply(step.batch);
    if (step.kind === 'set-peers') return setPeers(name, step.peers);
    if (step.kind === 'remove-peers') return removePeers(name, step.publicKeys);
    if (step.kind === 'add-route') return ip.addRoute(name, step.route);
    if (step.kind === 'remove-route') return ip.removeRoute(name, step.route);
    return forgetFlows(step.networks);
  }

  async function setPeers(name: string, peers: readonly DesiredPeer[]): Promise<void> {
    await wg.setPeers(name, peers, gone);
    for (const { publicKey } of peers) gone.delete(publicKey);
  }

  async function removePeers(name: string, publicKeys: readonly PublicKey[]): Promise<void> {
    for (const [publicKey, endpoint] of await wg.endpoints(name, publicKeys)) present.set(publicKey, endpoint);
    await wg.removePeers(name, publicKeys);
    for (const publicKey of publicKeys) {
      const endpoint = present.get(publicKey);
      if (endpoint !== undefined) gone.set(publicKey, endpoint);
    }
  }

  /** By whatever hand peers went, and even with their whole interface, each that comes back is found where it was. */
  function rememberEndpoints(shown: ObservedWg['peers']): void {
    for (const [publicKey, endpoint] of present) if (!shown.has(publicKey)) gone.set(publicKey, endpoint);
    for (const publicKey of gone.keys()) if (shown.has(publicKey)) gone.delete(publicKey);
    present = new Map();
    for (const { publicKey, endpoint } of shown.values()) if (endpoint !== null) present.set(publicKey, endpoint);
  }

  /** conntrack(8): exit 1 means that there was no such flow. */
  async function forgetFlows(networks: readonly Cidr[]): Promise<void> {
    try {
      for (const network of networks) await Promise.all(['-s', '-d'].map((side) => run(['conntrack', '-D', side, network], { acceptedExitCodes: [0, 1] })));
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      log.warn('conntrack is not installed: flows that are open now outlive the rule that forbids them');
    }
  }

  return {
    async observe(name) {
      const [link, missingForwarding] = await Promise.all([ip.observe(name), ip.missingForwarding()]);
      const shown = link === null ? null : await wg.show(name);
      rememberEndpoints(shown?.peers ?? new Map());
      return { link, wg: shown, missingForwarding };
    },
    async apply(desired, steps) {
      const done = new Set<Step['kind']>();
      const failures: string[] = [];
      let hasRuleset = true;
      for (const step of steps) {
        // With yesterday's rules nobody may be let in; whoever must go, goes.
        if (!hasRuleset && step.kind === 'set-peers') continue;
        try {
          await perform(desired, step);
          done.add(step.kind);
        } catch (error) {
          failures.push(messageOf(error));
          if (step.kind === 'create-interface') break;
          if (step.kind === 'apply-ruleset') hasRuleset = false;
        }
      }
      return { done, failures };
    },
    peers: async (name) => (await wg.show(name)).peers,
    traffic: wg.traffic,
    listing: () => nft.list(),
    applyBatch: (batch) => nft.apply(batch),
  };
}
