import { hash, verify } from '@node-rs/argon2';

// Argon2id with 19 MiB, 2 passes, 1 lane (OWASP Password Storage Cheat Sheet).
const PARAMETERS = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

// Somebody's password it is not: verifying against it takes as long as a real one, so that an unknown
// account cannot be told from a wrong password by the time the answer takes.
let decoy: Promise<string> | undefined;

export function hashPassword(password: string): Promise<string> {
  return hash(password, PARAMETERS);
}

/** Whether the password is the one hashed; without a hash, false after the same time. */
export async function verifyPassword(passwordHash: string | null, password: string): Promise<boolean> {
  if (passwordHash === null) {
    decoy ??= hashPassword('decoy');
    await verify(await decoy, password);
    return false;
  }
  return verify(passwordHash, password);
}

/** Whether a hash was made with weaker parameters than today's and should be made anew at sign-in. */
export function isOutdated(passwordHash: string): boolean {
  return !passwordHash.startsWith(`$argon2id$v=19$m=${PARAMETERS.memoryCost},t=${PARAMETERS.timeCost},p=${PARAMETERS.parallelism}$`);
}
