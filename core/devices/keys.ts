import { randomBytes } from 'node:crypto';
import { x25519 } from '@noble/curves/ed25519.js';
import type { PresharedKey, PrivateKey, PublicKey } from '../net/inputs.ts';

export interface KeyPair {
  readonly privateKey: PrivateKey;
  readonly publicKey: PublicKey;
}

/** A fresh Curve25519 key pair, base64, clamped as wg(8) does. */
export function makeKeyPair(): KeyPair {
  const secret = randomBytes(32);
  secret[0] = (secret[0] ?? 0) & 248;
  secret[31] = ((secret[31] ?? 0) & 127) | 64;
  const privateKey = secret.toString('base64') as PrivateKey;
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}

export function publicKeyOf(privateKey: PrivateKey): PublicKey {
  return Buffer.from(x25519.getPublicKey(Buffer.from(privateKey, 'base64'))).toString('base64') as PublicKey;
}

/** 32 random bytes, base64. */
export function makePresharedKey(): PresharedKey {
  return randomBytes(32).toString('base64') as PresharedKey;
}
