import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext, rootCertificates } from 'node:tls';
import ipaddr from 'ipaddr.js';
import { InvalidInput } from '../errors.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import { en } from '../text/en.ts';
import { makeSelfSigned } from './self-signed.ts';

/** PEM: the private key, and the certificate with those between it and its root. */
export interface KeyAndCertificate {
  readonly key: string;
  readonly certificate: string;
}

export interface CertificateFacts {
  readonly names: readonly string[];
  readonly issuer: string;
  readonly from: Date;
  readonly until: Date;
  /** SHA-256, hex pairs with colons as browsers show it. */
  readonly fingerprint: string;
  /** `own`: made here, so that browsers ask; `public`: its chain ends at an authority that browsers know. */
  readonly trust: 'own' | 'private' | 'public';
}

/** What this box shows of itself over https. */
export interface Certificates {
  current(): KeyAndCertificate;
  facts(): CertificateFacts;
  /** From the next connection on. Throws InvalidInput unless the key fits the certificate and today is one of its days. */
  install(given: KeyAndCertificate): void;
  /** Forgets the installed one and makes one here. */
  makeOwn(): Promise<void>;
  /** Makes a new one here when the present one was made here and ends within 30 days. */
  renewOwn(): Promise<void>;
  /** The answer takes the listener away again. */
  onChange(listener: () => void): () => void;
  /** What is answered over http below /.well-known/acme-challenge/ (RFC 8555 §8.3), by token. */
  readonly challenges: Map<string, string>;
}

interface CertificatesParts {
  /** Holds `key.pem` (0600) and `certificate.pem`. */
  readonly directory: string;
  /** Host names and addresses that a certificate made here is for. */
  readonly names: () => readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  /** PEM of the authorities that browsers know. */
  readonly roots?: readonly string[];
}

const RENEW_BEFORE_MS = 30 * 86_400_000;

/** Reads the certificate, or makes one when there is none that can be used. */
export async function openCertificates({ directory, names, clock, log, roots = rootCertificates }: CertificatesParts): Promise<Certificates> {
  const files = { key: join(directory, 'key.pem'), certificate: join(directory, 'certificate.pem') };
  const listeners = new Set<() => void>();
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  let present = read() ?? (await make());
  // Asked for at every request.
  let facts = factsOf(present.certificate, roots);

  function read(): KeyAndCertificate | null {
    if (!existsSync(files.key) || !existsSync(files.certificate)) return null;
    const found = { key: readFileSync(files.key, 'utf8'), certificate: readFileSync(files.certificate, 'utf8') };
    try {
      checkPair(found);
      return found;
    } catch (error) {
      log.error({ error: String(error) }, 'certificate cannot be used; one is made');
      return null;
    }
  }

  // A power cut between the two leaves a pair that does not fit, and the next start makes one.
  function write(pair: KeyAndCertificate): KeyAndCertificate {
    for (const part of ['key', 'certificate'] as const) {
      writeFileSync(`${files[part]}.new`, pair[part], { mode: 0o600, flush: true });
      renameSync(`${files[part]}.new`, files[part]);
    }
    return pair;
  }

  async function make(): Promise<KeyAndCertificate> {
    rmSync(files.key, { force: true });
    return write(await makeSelfSigned([...new Set(names())], clock.now()));
  }

  function show(pair: KeyAndCertificate): void {
    present = pair;
    facts = factsOf(pair.certificate, roots);
    for (const listener of listeners) listener();
  }

  return {
    current: () => present,
    facts: () => facts,
    install(given) {
      checkPair(given);
      const { from, until } = factsOf(given.certificate, roots);
      if (clock.now() < from || clock.now() > until) throw new InvalidInput({ certificate: [en.certificate.notToday(from, until)] });
      show(write(given));
    },
    makeOwn: async () => show(await make()),
    async renewOwn() {
      if (facts.trust === 'own' && facts.until.getTime() - clock.now().getTime() < RENEW_BEFORE_MS) show(await make());
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    challenges: new Map(),
  };
}

function checkPair({ key, certificate }: KeyAndCertificate): void {
  const [leaf, ...rest] = chainOf(certificate);
  if (!leaf) throw new InvalidInput({ certificate: [en.certificate.notPem] });
  const secret = attempt(() => createPrivateKey(key), { key: [en.certificate.keyNotPem] });
  if (!leaf.checkPrivateKey(secret)) throw new InvalidInput({ key: [en.certificate.keyOfAnother] });
  const broken = [leaf, ...rest].findIndex((one, index, all) => {
    const issuer = all[index + 1];
    return issuer !== undefined && !one.verify(issuer.publicKey);
  });
  if (broken >= 0) throw new InvalidInput({ certificate: [en.certificate.brokenChain(broken + 1)] });
  attempt(() => createSecureContext({ key, cert: certificate }), { certificate: [en.certificate.unusable] });
}

function chainOf(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => attempt(() => new X509Certificate(block), { certificate: [en.certificate.notPem] }));
}

function factsOf(pem: string, roots: readonly string[]): CertificateFacts {
  const chain = chainOf(pem);
  const [leaf] = chain;
  if (!leaf) throw new InvalidInput({ certificate: [en.certificate.notPem] });
  const names = (leaf.subjectAltName ?? '').split(', ').flatMap((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? []);
  return {
    names: names.map((name) => (ipaddr.isValid(name) ? ipaddr.parse(name).toString() : name)),
    issuer: leaf.issuer.replaceAll('\n', ', '),
    from: leaf.validFromDate,
    until: leaf.validToDate,
    fingerprint: leaf.fingerprint256,
    trust: leaf.checkIssued(leaf) ? 'own' : isPublic(chain, roots) ? 'public' : 'private',
  };
}

function isPublic(chain: readonly X509Certificate[], roots: readonly string[]): boolean {
  const top = chain.at(-1);
  return top !== undefined && roots.some((root) => isSignedBy(top, new X509Certificate(root)));
}

function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function attempt<T>(make: () => T, problem: Readonly<Record<string, readonly string[]>>): T {
  try {
    return make();
  } catch (cause) {
    throw new InvalidInput(problem, { cause });
  }
}
