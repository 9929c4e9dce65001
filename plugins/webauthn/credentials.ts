import { and, asc, count, eq, lt } from 'drizzle-orm';
import { z } from 'zod';
import { type Actor, authorize, Conflict, type Host, line, NotFound, parse, type SecondFactor, Unauthenticated, type UserId, userById } from '#core';
import { verifyAssertion, verifyRegistration } from './ceremonies.ts';
import { type Assertion, assertion, readResponse, registration } from './responses.ts';
import { webauthnCredentials } from './tables.ts';
import { text } from './text.ts';

export type Credential = typeof webauthnCredentials.$inferSelect;

/** A challenge that was kept, and what the browser made of it. */
export interface Answer {
  readonly challenge: string;
  readonly origin: string;
  readonly response: string | null;
}

export interface Credentials extends Pick<SecondFactor, 'list' | 'remove'> {
  of(userId: UserId): Promise<readonly Credential[]>;
  /** Whether anybody has one. */
  exist(): Promise<boolean>;
  /** Keeps the key that the browser has made. Throws InvalidInput, Unauthenticated, or Conflict at ten keys. */
  add(actor: Actor, input: unknown, answer: Answer): Promise<string>;
  /** Passes when one of the user's keys has signed. Throws Unauthenticated. */
  confirm(userId: UserId, answer: Answer): Promise<void>;
  /** Whose passkey has signed, after it has verified its owner. Throws Unauthenticated. */
  identify(answer: Answer): Promise<UserId>;
}

export const newCredential = z.strictObject({ name: line(1, 255) });

const MOST = 10;

export function createCredentials({ db, clock, audit, events }: Pick<Host, 'db' | 'clock' | 'audit' | 'events'>): Credentials {
  const ofUser = (userId: UserId) => eq(webauthnCredentials.userId, userId);

  /** The credential that has signed: one of this user's, or for `anybody` one that has also verified whose it is. */
  async function verify({ challenge, origin, response }: Answer, who: UserId | 'anybody'): Promise<Credential> {
    const answer = readResponse(assertion, response);
    const [credential] = answer === null ? [] : await db.select().from(webauthnCredentials).where(eq(webauthnCredentials.credentialId, answer.id));
    if (answer === null || credential === undefined || !isFor(credential, who, answer)) throw new Unauthenticated(text.refused);
    const signatures = await verifyAssertion(origin, challenge, answer, credential, who === 'anybody');
    if (await hasAdvanced(credential, signatures)) return credential;
    const message = text.cloned(credential.name, (await userById(db, credential.userId))?.email ?? '');
    events.emit('attention.needed', { severity: 'warning', about: `webauthn:${credential.id}`, message });
    throw new Unauthenticated(text.refused);
  }

  /** Only keys that were named by their id may leave out whose they are (WebAuthn Level 3 §7.2, step 6). */
  function isFor({ userId }: Credential, who: UserId | 'anybody', { response: { userHandle } }: Assertion): boolean {
    const isOwners = userHandle === Buffer.from(userId).toString('base64url');
    return who === 'anybody' ? isOwners : who === userId && (isOwners || userHandle === undefined);
  }

  /** Whether it has signed more often than before, as a copy would not have; keys that do not count say 0 for ever (§6.1.1). */
  function hasAdvanced({ id }: Credential, signatures: number): Promise<boolean> {
    const { counter } = webauthnCredentials;
    const isAhead = signatures === 0 ? eq(counter, 0) : lt(counter, signatures);
    return db.transaction(async (tx) => {
      const used = { counter: signatures, lastUsedAt: clock.now(), updatedAt: clock.now() };
      const rows = await tx
        .update(webauthnCredentials)
        .set(used)
        .where(and(eq(webauthnCredentials.id, id), isAhead))
        .returning({ id: webauthnCredentials.id });
      return rows.length === 1;
    });
  }

  return {
    async list(userId, queries = db) {
      const { id, name, createdAt, lastUsedAt } = webauthnCredentials;
      return queries.select({ id, name, createdAt, lastUsedAt }).from(webauthnCredentials).where(ofUser(userId)).orderBy(asc(createdAt));
    },
    async of(userId) {
      return db.select().from(webauthnCredentials).where(ofUser(userId));
    },
    async exist() {
      return (await db.select({ id: webauthnCredentials.id }).from(webauthnCredentials).limit(1)).length > 0;
    },
    async remove(tx, userId, methodId) {
      await tx.delete(webauthnCredentials).where(and(ofUser(userId), eq(webauthnCredentials.id, methodId)));
    },
    async add(actor, input, { challenge, origin, response }) {
      authorize(actor, 'account.own');
      const { userId } = actor;
      if (userId === null) throw new NotFound('');
      const { name } = parse(newCredential, input);
      const answer = readResponse(registration, response);
      if (answer === null) throw new Unauthenticated(text.refused);
      const { id: credentialId, publicKey, counter } = await verifyRegistration(origin, challenge, answer);
      const now = clock.now();
      await db.transaction(async (tx) => {
        const [present] = await tx.select({ total: count() }).from(webauthnCredentials).where(ofUser(userId));
        if ((present?.total ?? 0) >= MOST) throw new Conflict(text.enrol.tooMany(MOST));
        const [taken] = await tx.select({ id: webauthnCredentials.id }).from(webauthnCredentials).where(eq(webauthnCredentials.credentialId, credentialId));
        if (taken) throw new Conflict(text.enrol.taken);
        const key = { credentialId, publicKey: Buffer.from(publicKey).toString('base64url'), counter, transports: answer.response.transports.join(',') };
        const [row] = await tx
          .insert(webauthnCredentials)
          .values({ userId, name, ...key, createdAt: now, updatedAt: now })
          .returning({ id: webauthnCredentials.id });
        await audit.record(tx, actor, { action: 'webauthn.added', target: { type: 'factor', id: row?.id ?? '', name } });
      });
      return name;
    },
    async confirm(userId, answer) {
      await verify(answer, userId);
    },
    async identify(answer) {
      return (await verify(answer, 'anybody')).userId;
    },
  };
}
