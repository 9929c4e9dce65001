import type { Run } from '../system/run.ts';
import { isIpv6 } from './cidr.ts';
import type { Cidr } from './inputs.ts';
import { BASE_CHAINS, chainsOf, differing, elementsOf, isSame, type Ruleset } from './ruleset.ts';

export interface Nft {
  /** Our table as nft lists it, or null when there is none. */
  list(): Promise<string | null>;
  /** Applies a batch as one transaction: all of it or nothing. */
  apply(batch: string): Promise<void>;
}

const TABLE = 'inet wiregui';
const MAPS = [
  ['sources4', 'ipv4_addr', (network: Cidr) => !isIpv6(network)],
  ['sources6', 'ipv6_addr', isIpv6],
] as const;

export function createNft(run: Run): Nft {
  return {
    async list() {
      const { stdout, exitCode } = await run(['nft', 'list', 'table', 'inet', 'wiregui'], { acceptedExitCodes: [0, 1], deadlineMs: 30_000 });
      return exitCode === 0 ? stdout : null;
    },
    async apply(batch) {
      await run(['nft', '-f', '-'], { stdin: batch, deadlineMs: 60_000 });
    },
  };
}

/**
 * The batch that makes our table be this ruleset, whatever it was. Chains and maps are flushed and refilled in place:
 * deleting and defining a table anew lets packets through in between, even in one transaction.
 */
export function replaceBatch(next: Ruleset, listing: string | null): string {
  return [...replacePortions(next, listing)].join('');
}

const USERS_AT_ONCE = 500;

/** The same in portions, so that others have their turn while it is made. */
export function* replacePortions(next: Ruleset, listing: string | null): Iterable<string> {
  const chains = chainsOf(next);
  // nft 1.0.6 sends no verdict of a map to a chain that is declared after it.
  yield lines([
    `add table ${TABLE}`,
    ...[...chains.keys()].map(declareChain),
    ...MAPS.map(([map, type]) => `add map ${TABLE} ${map} { type ${type} : verdict; flags interval; }`),
    `flush table ${TABLE}`,
    ...MAPS.map(([map]) => `flush map ${TABLE} ${map}`),
    ...chainsIn(listing)
      .filter((chain) => !chains.has(chain))
      .map((stale) => `delete chain ${TABLE} ${stale}`),
    ...[...next.chains].flatMap(([chain, rules]) => addRules(chain, rules)),
  ]);
  const users = [...next.users];
  for (let from = 0; from < users.length; from += USERS_AT_ONCE) {
    const portion = { chains: new Map(), users: new Map(users.slice(from, from + USERS_AT_ONCE)) };
    yield lines([...[...chainsOf(portion)].flatMap(([chain, rules]) => addRules(chain, rules)), ...addElements([...elementsOf(portion)])]);
  }
}

/** The batch from one ruleset to the next, touching only chains and elements that differ; empty when none do. */
export function changeBatch(previous: Ruleset, next: Ruleset): string {
  const [before, after] = [differing(previous, next), differing(next, previous)];
  const [chainsBefore, chainsAfter] = [chainsOf(before), chainsOf(after)];
  const [elementsBefore, elementsAfter] = [elementsOf(before), elementsOf(after)];
  const changed = [...chainsAfter].filter(([chain, rules]) => !isSame(chainsBefore.get(chain), rules));
  const added = changed.filter(([chain]) => !chainsBefore.has(chain));
  const gone = [...chainsBefore.keys()].filter((chain) => !chainsAfter.has(chain));
  return lines([
    ...added.map(([chain]) => declareChain(chain)),
    ...removeElements([...elementsBefore].filter(([network, verdict]) => elementsAfter.get(network) !== verdict)),
    ...changed.flatMap(([chain, rules]) => [`flush chain ${TABLE} ${chain}`, ...addRules(chain, rules)]),
    ...addElements([...elementsAfter].filter(([network, verdict]) => elementsBefore.get(network) !== verdict)),
    ...gone.flatMap((chain) => [`flush chain ${TABLE} ${chain}`, `delete chain ${TABLE} ${chain}`]),
  ]);
}

function declareChain(chain: string): string {
  const hook = BASE_CHAINS[chain];
  return `add chain ${TABLE} ${chain}${hook === undefined ? '' : ` { ${hook} }`}`;
}

function addRules(chain: string, rules: readonly string[]): readonly string[] {
  return rules.map((rule) => `add rule ${TABLE} ${chain} ${rule}`);
}

type Elements = readonly (readonly [network: Cidr, verdict: string])[];

function addElements(elements: Elements): readonly string[] {
  return inMaps('add', elements, ([network, verdict]) => `${network} : ${verdict}`);
}

function removeElements(elements: Elements): readonly string[] {
  return inMaps('delete', elements, ([network]) => network);
}

function inMaps(verb: 'add' | 'delete', elements: Elements, text: (element: Elements[number]) => string): readonly string[] {
  return MAPS.flatMap(([map, , isOfFamily]) => {
    const own = elements.filter(([network]) => isOfFamily(network));
    return own.length === 0 ? [] : [`${verb} element ${TABLE} ${map} { ${own.map(text).join(', ')} }`];
  });
}

function chainsIn(listing: string | null): readonly string[] {
  return [...(listing ?? '').matchAll(/^\tchain (\S+) \{$/gm)].map(([, name = '']) => name);
}

function lines(batch: readonly string[]): string {
  return batch.length === 0 ? '' : `${batch.join('\n')}\n`;
}
