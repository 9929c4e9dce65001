import { KeyObject, randomBytes, webcrypto } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { type Actor, authorize, Conflict, type Host, systemActor } from '#core';
import { keysOf, type StoredKey } from './store.ts';
import { samlKeys } from './tables.ts';
import { text } from './text.ts';

export interface KeyPair {
  /** PKCS #8 in PEM. */
  readonly privateKey: string;
  /** X.509 in PEM. */
  readonly certificate: string;
}

/** The key pair that this box shows to providers; no private key leaves the plugin. */
export interface KeyPairs {
  /** The one in use, made when there is none. */
  current(): Promise<KeyPair>;
  /** The certificates that providers should know, the one in use first. Makes none. */
  certificates(): Promise<readonly string[]>;
  /** Makes the pair that is to follow; both are published until `finishRenewal`. Throws Conflict while one waits. */
  renew(actor: Actor): Promise<void>;
  /** From now on the new pair signs, and the old one is gone. Throws Conflict when none waits. */
  finishRenewal(actor: Actor): Promise<void>;
}

const RSA = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 3072, publicExponent: new Uint8Array([1, 0, 1]) };
const VALID_YEARS = 10;
const HOUR_MS = 3_600_000;
const target = { type: 'saml-key', id: null, name: text.key.title };

export function createKeyPairs({ db, clock, secrets, audit }: Pick<Host, 'db' | 'clock' | 'secrets' | 'audit'>): KeyPairs {
  const opened = ({ privateKey, certificate }: StoredKey): KeyPair => ({ privateKey: secrets.open(privateKey), certificate });
  const inState = (keys: readonly StoredKey[], state: StoredKey['state']) => keys.find((key) => key.state === state);

  /** Stores a fresh pair unless there is one in that state already; answers which one there is. */
  async function make(actor: Actor, state: StoredKey['state'], action: string): Promise<{ readonly key: StoredKey; readonly isNew: boolean }> {
    const made = await generate(clock.now());
    return db.transaction(async (tx) => {
      const present = inState(await keysOf(tx), state);
      if (present) return { key: present, isNew: false };
      const now = clock.now();
      const values = { state, privateKey: secrets.seal(made.privateKey), certificate: made.certificate, createdAt: now, updatedAt: now };
      const [key] = await tx.insert(samlKeys).values(values).returning();
      if (!key) throw new Conflict(text.key.title);
      await audit.record(tx, actor, { action, target });
      return { key, isNew: true };
    });
  }

  /** Making a pair takes a second: many who ask for the first one wait for the same. */
  let first: ReturnType<typeof make> | null = null;

  async function current(): Promise<KeyPair> {
    const present = inState(await keysOf(db), 'current');
    if (present) return opened(present);
    first ??= make(systemActor('saml', 'job'), 'current', 'saml-key.made').finally(() => {
      first = null;
    });
    return opened((await first).key);
  }

  return {
    current,
    certificates: async () => (await keysOf(db)).map(({ certificate }) => certificate),
    async renew(actor) {
      authorize(actor, 'settings.manage');
      if (inState(await keysOf(db), 'next')) throw new Conflict(text.key.alreadyRenewing);
      await current();
      if (!(await make(actor, 'next', 'saml-key.renewed')).isNew) throw new Conflict(text.key.alreadyRenewing);
    },
    async finishRenewal(actor) {
      authorize(actor, 'settings.manage');
      await db.transaction(async (tx) => {
        if (!inState(await keysOf(tx), 'next')) throw new Conflict(text.key.notRenewing);
        await tx.delete(samlKeys).where(eq(samlKeys.state, 'current'));
        await tx.update(samlKeys).set({ state: 'current', updatedAt: clock.now() }).where(eq(samlKeys.state, 'next'));
        await audit.record(tx, actor, { action: 'saml-key.renewal-finished', target });
      });
    },
  };
}

/** A pair with a certificate of its own making: providers trust the key because an administrator gave it to them. */
async function generate(now: Date): Promise<KeyPair> {
  // Loaded when a pair is made, which is once in years.
  await import('reflect-metadata');
  const { cryptoProvider, X509CertificateGenerator } = await import('@peculiar/x509');
  cryptoProvider.set(webcrypto as Crypto);
  const keys = await webcrypto.subtle.generateKey(RSA, true, ['sign', 'verify']);
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(now.getUTCFullYear() + VALID_YEARS);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=WireGUI SAML',
    serialNumber: serialNumber(),
    // A provider's clock may be behind ours.
    notBefore: new Date(now.getTime() - HOUR_MS),
    notAfter,
    signingAlgorithm: RSA,
    keys: keys as Parameters<typeof X509CertificateGenerator.createSelfSigned>[0]['keys'],
  });
  const privateKey = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
  return { privateKey, certificate: certificate.toString('pem') };
}

/** Positive and never the same twice (RFC 5280, 4.1.2.2). */
function serialNumber(): string {
  return `01${randomBytes(15).toString('hex')}`;
}
