import type { Run } from '../system/run.ts';
import { BASE_CHAINS, type Ruleset } from './ruleset.ts';

export interface Nft {
  /** Our table as nft lists it, or null when there is none. */
  list(): Promise<string | null>;
  /** Applies a batch as one transaction: all of it or nothing. */
  apply(batch: string): Promise<void>;
}

const TABLE = 'inet wiregui';
const MAPS = [
  ['sources4', 'ipv4_addr'],
  ['sources6', 'ipv6_addr'],
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
  const stale = chainsIn(listing).filter((chain) => !next.chains.has(chain));
  return lines([
    `add table ${TABLE}`,
    ...[...next.chains.keys()].map(declareChain),
    ...MAPS.map(([map, type]) => `add map ${TABLE} ${map} { type ${type} : verdict; flags interval; }`),
    `flush table ${TABLE}`,
    ...MAPS.map(([map]) => `flush map ${TABLE} ${map}`),
    ...stale.map((chain) => `delete chain ${TABLE} ${chain}`),
    ...[...next.chains].flatMap(([chain, rules]) => addRules(chain, rules)),
    ...MAPS.flatMap(([map]) => addElements(map, [...next[map]])),
  ]);
}

/** The batch from one ruleset to the next, touching only chains and elements that differ; empty when none do. */
export function changeBatch(previous: Ruleset, next: Ruleset): string {
  const changed = [...next.chains].filter(([chain, rules]) => !isSame(previous.chains.get(chain), rules));
  const added = changed.filter(([chain]) => !previous.chains.has(chain));
  const gone = [...previous.chains.keys()].filter((chain) => !next.chains.has(chain));
  return lines([
    ...added.map(([chain]) => declareChain(chain)),
    ...MAPS.flatMap(([map]) => removeElements(map, differing(previous[map], next[map]))),
    ...changed.flatMap(([chain, rules]) => [`flush chain ${TABLE} ${chain}`, ...addRules(chain, rules)]),
    ...MAPS.flatMap(([map]) => addElements(map, differing(next[map], previous[map]))),
    ...gone.flatMap((chain) => [`flush chain ${TABLE} ${chain}`, `delete chain ${TABLE} ${chain}`]),
  ]);
}

function isSame(one: readonly string[] | undefined, other: readonly string[]): boolean {
  return one === other || one?.join('\n') === other.join('\n');
}

/** Elements of `one` that `other` has not, or with another verdict. */
function differing<K>(one: ReadonlyMap<K, string>, other: ReadonlyMap<K, string>): readonly (readonly [K, string])[] {
  const found: (readonly [K, string])[] = [];
  // Of tens of thousands hardly any differ.
  if (one !== other) for (const [key, verdict] of one) if (other.get(key) !== verdict) found.push([key, verdict]);
  return found;
}

function declareChain(chain: string): string {
  const hook = BASE_CHAINS[chain];
  return `add chain ${TABLE} ${chain}${hook === undefined ? '' : ` { ${hook} }`}`;
}

function addRules(chain: string, rules: readonly string[]): readonly string[] {
  return rules.map((rule) => `add rule ${TABLE} ${chain} ${rule}`);
}

function addElements(map: string, elements: readonly (readonly [string, string])[]): readonly string[] {
  if (elements.length === 0) return [];
  return [`add element ${TABLE} ${map} { ${elements.map(([source, verdict]) => `${source} : ${verdict}`).join(', ')} }`];
}

function removeElements(map: string, elements: readonly (readonly [string, string])[]): readonly string[] {
  if (elements.length === 0) return [];
  return [`delete element ${TABLE} ${map} { ${elements.map(([source]) => source).join(', ')} }`];
}

function chainsIn(listing: string | null): readonly string[] {
  return [...(listing ?? '').matchAll(/^\tchain (\S+) \{$/gm)].map(([, name = '']) => name);
}

function lines(batch: readonly string[]): string {
  return batch.length === 0 ? '' : `${batch.join('\n')}\n`;
}
