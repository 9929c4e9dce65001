import { ProofNeeded } from '../errors.ts';
import { en } from '../text/en.ts';
import type { SessionData } from './session-data.ts';

const FRESH_FOR_MS = 10 * 60_000;

/**
 * Throws ProofNeeded unless whoever holds this session has signed in within the last ten minutes: a stolen cookie alone
 * must not change how its owner signs in.
 */
export function requireFreshProof({ signedInAt = Number.NEGATIVE_INFINITY }: SessionData, now: Date): void {
  const ageMs = now.getTime() - signedInAt;
  // A clock that was set back makes nothing fresh.
  if (ageMs < 0 || ageMs > FRESH_FOR_MS) throw new ProofNeeded(en.proof.lead);
}
