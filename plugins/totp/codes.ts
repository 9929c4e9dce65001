import { generateSecret, generateURI, verifySync } from 'otplib';

// RFC 6238 as every app knows it: SHA-1, six digits, steps of 30 seconds.
const STEP_SECONDS = 30;

/** 160 random bits in base32, as long as the hash (RFC 4226 §4). */
export function newSecret(): string {
  return generateSecret();
}

/** What the app reads from the picture. */
export function uriOf(secret: string, account: string, issuer: string): string {
  return generateURI({ secret, issuer, label: account });
}

/** The time step whose code this is, at most one away from now (RFC 6238 §5.2); null when it is none of theirs. */
export function stepOf(secret: string, code: string, now: Date): number | null {
  const token = code.replace(/\s/g, '');
  if (!/^[0-9]{6}$/.test(token)) return null;
  const epoch = Math.floor(now.getTime() / 1_000);
  const result = verifySync({ secret, token, epoch, epochTolerance: STEP_SECONDS });
  return result.valid ? Math.floor(epoch / STEP_SECONDS) + result.delta : null;
}
