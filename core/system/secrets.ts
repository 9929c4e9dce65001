import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { AppError } from '../errors.ts';

/** Text encrypted at rest: `v1.<iv>.<tag>.<ciphertext>`, base64url. */
export type Sealed = string & { readonly __brand: 'Sealed' };

export interface Secrets {
  /** AES-256-GCM under this box's key, with a fresh 96-bit IV (NIST SP 800-38D). */
  seal(plaintext: string): Sealed;
  /** The plaintext, or throws SealBroken when key or ciphertext are not the right ones. */
  open(sealed: Sealed): string;
  /** A key for another purpose, derived from this box's key (HKDF-SHA256, RFC 5869). */
  derive(purpose: string): Buffer;
}

export class SealBroken extends AppError {
  readonly code = 'seal_broken';
  readonly status = 500;
}

const KEY_BYTES = 32;

export function createSecrets(key: Buffer): Secrets {
  if (key.length !== KEY_BYTES) throw new SealBroken(`the secret key must have ${KEY_BYTES} bytes, this one has ${key.length}`);
  return {
    seal(plaintext) {
      const iv = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, iv);
      const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
      return ['v1', encode(iv), encode(cipher.getAuthTag()), encode(ciphertext)].join('.') as Sealed;
    },
    open(sealed) {
      const [version, iv, tag, ciphertext] = sealed.split('.');
      if (version !== 'v1' || iv === undefined || tag === undefined || ciphertext === undefined) throw new SealBroken('a stored secret is malformed');
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, decode(iv), { authTagLength: 16 });
        decipher.setAuthTag(decode(tag));
        return Buffer.concat([decipher.update(decode(ciphertext)), decipher.final()]).toString('utf8');
      } catch (cause) {
        throw new SealBroken('a stored secret cannot be opened: the key file is not the one it was made with', { cause });
      }
    },
    derive: (purpose) => Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), purpose, KEY_BYTES)),
  };
}

/** Reads the key file, or makes it (0600, synced to disk) when there is none. */
export function readOrCreateKeyFile(path: string): Buffer {
  if (!existsSync(path)) {
    const file = openSync(path, 'wx', 0o600);
    writeSync(file, randomBytes(KEY_BYTES).toString('base64'));
    fsyncSync(file);
    closeSync(file);
  }
  return Buffer.from(readFileSync(path, 'utf8'), 'base64');
}

/** `bytes` random bytes as base64url: 32 for anything that must not be guessed. */
export function randomToken(bytes = 32): string {
  return randomBytes(bytes).toString('base64url');
}

/** SHA-256 as hex: what is stored of tokens and session ids, which are long and random. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Compares without telling by its duration where two texts differ. */
export function equalInConstantTime(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());
}

function encode(bytes: Buffer): string {
  return bytes.toString('base64url');
}

function decode(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}
