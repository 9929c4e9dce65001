import { createPublicKey } from 'node:crypto';
import { z } from 'zod';
import { type Clock, Unavailable, type WebFetch } from '#core';
import { text } from './text.ts';

const directorySchema = z.object({ newNonce: z.url(), newAccount: z.url(), newOrder: z.url() });
const orderSchema = z.object({ status: z.string(), authorizations: z.array(z.url()), finalize: z.url(), certificate: z.url().optional() });
const challengeSchema = z.object({
  type: z.string(),
  url: z.url(),
  token: z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/)
    .optional(),
  error: z.unknown().optional(),
});
const authorizationSchema = z.object({ status: z.string(), identifier: z.object({ value: z.string() }), challenges: z.array(challengeSchema) });
const problemSchema = z.object({ type: z.string().default(''), detail: z.string().default('') });

type Order = z.output<typeof orderSchema>;

export interface AcmeParts {
  readonly fetch: WebFetch;
  readonly clock: Clock;
  readonly directory: string;
  /** PKCS #8, PEM, of an EC key on P-256. */
  readonly accountKey: string;
  readonly email: string;
  /** Where http below /.well-known/acme-challenge/ is answered from, by token. */
  readonly challenges: Map<string, string>;
}

/** Waits for an authority's decision, at most. */
const PATIENCE_MS = 120_000;
const POLL_MS = 2_000;
const MOST_BAD_NONCES = 5;

/**
 * Gets a certificate by ACME with proofs by http (RFC 8555): an account, an order, a proof for each name, the signing request.
 * Answers the chain in PEM. Throws Unavailable, saying what the authority said.
 */
export async function orderCertificate(parts: AcmeParts, names: readonly string[], signingRequest: Uint8Array): Promise<string> {
  const { fetch, clock, directory, email, challenges } = parts;
  // Loaded when a certificate is ordered, which is once in months.
  const { calculateJwkThumbprint, exportJWK, FlattenedSign, importPKCS8 } = await import('jose');
  const key = await importPKCS8(parts.accountKey, 'ES256');
  const jwk = await exportJWK(createPublicKey(parts.accountKey));
  const thumbprint = await calculateJwkThumbprint(jwk);
  const urls = directorySchema.safeParse(await readJson(await fetch(directory)));
  if (!urls.success) throw new Unavailable(text.acme.notADirectory(directory));
  const { newNonce, newAccount, newOrder } = urls.data;
  let nonce = '';
  let account: string | null = null;

  /** A signed request (RFC 8555 §6.2); without a payload it reads. A nonce that is not liked is taken anew (§6.5). */
  async function send(what: string, url: string, payload: object | null = null): Promise<Response> {
    for (let tries = 0; ; tries += 1) {
      if (nonce === '') nonce = (await fetch(newNonce, { method: 'HEAD' })).headers.get('replay-nonce') ?? '';
      const header = { alg: 'ES256', nonce, url, ...(account === null ? { jwk } : { kid: account }) };
      const bytes = new TextEncoder().encode(payload === null ? '' : JSON.stringify(payload));
      const body = JSON.stringify(await new FlattenedSign(bytes).setProtectedHeader(header).sign(key));
      const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/jose+json' }, body });
      nonce = response.headers.get('replay-nonce') ?? '';
      if (response.ok) return response;
      const problem = await problemOf(response);
      if (problem.type !== 'urn:ietf:params:acme:error:badNonce' || tries >= MOST_BAD_NONCES)
        throw refusal(what, problem.detail || problem.type || `${response.status}`);
    }
  }

  async function until<T extends { readonly status: string }>(what: string, url: string, read: (json: unknown) => T, done: readonly string[]): Promise<T> {
    const start = clock.now().getTime();
    for (;;) {
      const found = read(await readJson(await send(what, url)));
      if (done.includes(found.status)) return found;
      if (found.status === 'invalid') throw refusal(what, whyInvalid(found));
      if (clock.now().getTime() - start > PATIENCE_MS) throw refusal(what, text.acme.tooSlow);
      await new Promise<void>((resolve) => void clock.after(POLL_MS, resolve));
    }
  }

  async function prove(authorizationUrl: string): Promise<void> {
    const { status, identifier, challenges: offered } = authorizationSchema.parse(await readJson(await send(text.acme.order, authorizationUrl)));
    if (status === 'valid') return;
    const challenge = offered.find(({ type }) => type === 'http-01');
    if (challenge?.token === undefined) throw new Unavailable(text.acme.noChallenge(identifier.value));
    challenges.set(challenge.token, `${challenge.token}.${thumbprint}`);
    try {
      const what = text.acme.challenge(identifier.value);
      await send(what, challenge.url, {});
      await until(what, authorizationUrl, (json) => authorizationSchema.parse(json), ['valid']);
    } finally {
      challenges.delete(challenge.token);
    }
  }

  const contact = email === '' ? [] : [`mailto:${email}`];
  account = (await send(text.acme.account, newAccount, { termsOfServiceAgreed: true, contact })).headers.get('location');
  const created = await send(text.acme.order, newOrder, { identifiers: names.map((value) => ({ type: 'dns', value })) });
  const orderUrl = created.headers.get('location') ?? '';
  const order: Order = orderSchema.parse(await readJson(created));
  for (const authorization of order.authorizations) await prove(authorization);
  await send(text.acme.order, order.finalize, { csr: Buffer.from(signingRequest).toString('base64url') });
  const { certificate } = await until(text.acme.order, orderUrl, (json) => orderSchema.parse(json), ['valid']);
  return (await send(text.acme.order, certificate ?? orderUrl)).text();
}

async function readJson(response: Response): Promise<unknown> {
  return response.json().catch(() => null);
}

async function problemOf(response: Response): Promise<z.output<typeof problemSchema>> {
  const problem = problemSchema.safeParse(await readJson(response));
  return problem.success ? problem.data : { type: '', detail: '' };
}

function refusal(what: string, why: string): Unavailable {
  // Somebody else's words: short, on one line.
  return new Unavailable(text.acme.refused(what, why.replace(/\s+/g, ' ').slice(0, 300)));
}

function whyInvalid(found: object): string {
  const { challenges = [] } = found as { readonly challenges?: readonly { readonly error?: unknown }[] };
  const problem = problemSchema.safeParse(challenges.find(({ error }) => error !== undefined)?.error);
  return problem.success ? problem.data.detail : 'invalid';
}
