import { readFile } from 'node:fs/promises';
import { InvalidInput, messageOf } from '../errors.ts';
import { en } from '../text/en.ts';

export type ProviderSeed = Readonly<Record<string, unknown>>;

/** The identity providers in WG_IDP_CONFIG_FILE, by plugin; nothing without a file. Throws InvalidInput when it cannot be read. */
export async function readProviderSeed(file: string | undefined): Promise<ProviderSeed> {
  if (file === undefined) return {};
  // Only a box with such a file needs a parser of YAML.
  const { parse } = await import('./yaml.ts');
  try {
    const seed: unknown = parse(await readFile(file, 'utf8'));
    if (typeof seed === 'object' && seed !== null && !Array.isArray(seed)) return seed as ProviderSeed;
  } catch (cause) {
    throw new InvalidInput({ WG_IDP_CONFIG_FILE: [en.providerSeed.unreadable(file, messageOf(cause).split('\n')[0] ?? '')] }, { cause });
  }
  throw new InvalidInput({ WG_IDP_CONFIG_FILE: [en.providerSeed.unreadable(file, en.providerSeed.shape)] });
}
