import { ApplyFailed, messageOf, Unavailable } from '../errors.ts';
import type { Log } from '../system/log.ts';
import type { Run } from '../system/run.ts';
import type { DesiredState } from './desired.ts';
import type { Cidr, PublicKey } from './inputs.ts';
import { createIp } from './ip.ts';
import { createNft } from './nft.ts';
import type { Observed, Step } from './plan.ts';
import type { Ruleset } from './ruleset.ts';
import { createWg, type ObservedWg } from './wg.ts';

/** The three drivers as one: look at the kernel, and change it. */
export interface Kernel {
  /** `ruleset` is what our table is known to hold, or null when it is to be replaced whole. */
  observe(name: string, ruleset: Ruleset | null): Promise<Observed>;
  /** Does every step that can be done. Throws ApplyFailed naming those that could not. */
  apply(desired: DesiredState, steps: readonly Step[]): Promise<void>;
  peers(name: string): Promise<ObservedWg['peers']>;
  listing(): Promise<string | null>;
}

export function createKernel(run: Run, log: Log): Kernel {
  const wg = createWg(run);
  const ip = createIp(run);
  const nft = createNft(run);
  /** Where peers that have been removed were last. */
  const gone = new Map<PublicKey, string>();
  let present: ObservedWg['peers'] = new Map();

  async function perform({ interface: wanted }: DesiredState, step: Step): Promise<void> {
    const { name } = wanted;
    if (step.kind === 'create-interface') return ip.create(name);
    if (step.kind === 'configure-interface') return wg.configure(name, wanted);
    if (step.kind === 'set-link') return ip.setLink(name, step.mtu);
    if (step.kind === 'enable-forwarding') return ip.enableForwarding(step.names);
    if (step.kind === 'add-address') return ip.addAddress(name, step.address);
    if (step.kind === 'remove-address') return ip.removeAddress(name, step.address);
    if (step.kind === 'apply-ruleset') return nft.apply(step.batch);
    if (step.kind === 'set-peers') return wg.setPeers(name, step.peers, gone);
    if (step.kind === 'remove-peers') return removePeers(name, step.publicKeys);
    if (step.kind === 'add-route') return ip.addRoute(name, step.route);
    if (step.kind === 'remove-route') return ip.removeRoute(name, step.route);
    return forgetFlows(step.networks);
  }

  async function removePeers(name: string, publicKeys: readonly PublicKey[]): Promise<void> {
    for (const publicKey of publicKeys) {
      const endpoint = present.get(publicKey)?.endpoint;
      if (endpoint) gone.set(publicKey, endpoint);
    }
    await wg.removePeers(name, publicKeys);
  }

  /** conntrack(8): exit 1 means that there was no such flow. */
  async function forgetFlows(networks: readonly Cidr[]): Promise<void> {
    try {
      const searches = networks.flatMap((network) => ['-s', '-d'].map((side) => run(['conntrack', '-D', side, network], { acceptedExitCodes: [0, 1] })));
      await Promise.all(searches);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      log.warn('conntrack is not installed: flows that are open now outlive the rule that forbids them');
    }
  }

  return {
    async observe(name, ruleset) {
      const [link, missingForwarding, listing] = await Promise.all([ip.observe(name), ip.missingForwarding(), ruleset === null ? nft.list() : null]);
      const shown = link === null ? null : await wg.show(name);
      present = shown?.peers ?? new Map();
      for (const publicKey of present.keys()) gone.delete(publicKey);
      return {
        link,
        wg: shown,
        missingForwarding,
        ruleset,
        listing,
      };
    },
    async apply(desired, steps) {
      const failures: string[] = [];
      let hasRuleset = true;
      for (const step of steps) {
        // With yesterday's rules nobody may be let in; whoever must go, goes.
        if (!hasRuleset && step.kind === 'set-peers') continue;
        try {
          await perform(desired, step);
        } catch (error) {
          failures.push(messageOf(error));
          if (step.kind === 'create-interface') break;
          if (step.kind === 'apply-ruleset') hasRuleset = false;
        }
      }
      if (failures.length > 0) throw new ApplyFailed(failures.join('; '));
    },
    peers: async (name) => (await wg.show(name)).peers,
    listing: () => nft.list(),
  };
}
