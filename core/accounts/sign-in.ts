import { eq } from 'drizzle-orm';
import type { Audit } from '../audit/audit.ts';
import type { Db, Queries, ReadQueries } from '../db/open.ts';
import { Forbidden, Unauthenticated } from '../errors.ts';
import type { EventBus } from '../events/bus.ts';
import { localPath } from '../http/route.ts';
import type { UserId } from '../net/inputs.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';
import type { EnrolledKinds } from './enrolled-kinds.ts';
import { requireFreshProof } from './fresh-proof.ts';
import { accountOf, connectIdentity, type IdentityPolicy, type ProvenIdentity } from './identities.ts';
import { hashPassword, isOutdated, verifyPassword } from './passwords.ts';
import type { Actor } from './permissions.ts';
import type { PendingSignIn, SessionData } from './session-data.ts';
import { type User, userByEmail, userById } from './store.ts';
import { users } from './tables.ts';
import type { Throttle } from './throttle.ts';
import { targetOf } from './users.ts';

/** The browser that signs in: a page's request. `begin` gives it a new session id with this data: only core calls it. */
export interface SignInBrowser {
  readonly ip: string;
  readonly session: { readonly data: Readonly<SessionData>; begin(data: SessionData): Promise<void> };
  /** The local path that was asked for before. */
  readonly returnTo?: string;
}

/** One enrolled authenticator app, key or the like. */
export interface FactorMethod {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
}

/** A second factor, as a plugin offers it; the plugin keeps its methods in a table of its own. */
export interface SecondFactor {
  readonly id: string;
  /** `Authenticator app` */
  readonly label: string;
  readonly icon: string;
  /** The page where a sign-in that waits is completed with it. */
  readonly challengePath: string;
  /** The page where one is added, also by somebody whose sign-in waits for that (`enrolling`). */
  readonly enrolPath: string;
  /** Whether one can be added and used at this box's address; yes when absent. */
  isPossible?(): boolean;
  list(userId: UserId, db?: ReadQueries): Promise<readonly FactorMethod[]>;
  /** Removes one; core asks, records and tells. Removes nothing that is not the user's. */
  remove(tx: Queries, userId: UserId, methodId: string): Promise<void>;
}

/** How much a method proves: a passkey with user verification, or a provider trusted for it, is all factors at once. */
export type Proof = 'first-factor' | 'all-factors';

/** Each answers the local path where the browser goes on: what was asked for, or /mfa while a second factor is missing. */
export interface SignIn {
  /** Checks email and password, throttled. Throws Unauthenticated or TooManyRequests; says the same for unknown accounts. */
  withPassword(browser: SignInBrowser, email: string, password: string): Promise<string>;
  /** A method has proved who this is; a second factor is asked for when the user has one or must have one. */
  prove(browser: SignInBrowser, userId: UserId, method: string, proof?: Proof): Promise<string>;
  /** A provider has proved who this is. Throws Forbidden, saying why, when no account is theirs. */
  withIdentity(browser: SignInBrowser, identity: ProvenIdentity, policy: IdentityPolicy, proof?: Proof): Promise<string>;
  /** Links a proven identity to the account of whoever is signed in. Throws Conflict when it is another's. */
  connect(actor: Actor, identity: ProvenIdentity): Promise<void>;
  /** Counts a try by its account (email, or user id) and address. Throws TooManyRequests. */
  attempt(account: string, ip: string): Promise<void>;
  /** The attempt was right, and does not count. */
  succeeded(account: string, ip: string): Promise<void>;
  /** The sign-in that waits in this browser. Throws Unauthenticated when none does, or too long. */
  pendingOf(data: SessionData): PendingSignIn;
  /**
   * Who may enrol a second factor here: the person who has signed in within the last minutes, or one whose sign-in waits for it.
   * Throws Unauthenticated, or ProofNeeded, which leads through a sign-in and back.
   */
  enrolling(browser: SignInBrowser): Promise<Actor>;
  /** A second factor of the pending user's was satisfied, so that the sign-in that waits is complete. */
  satisfy(browser: SignInBrowser): Promise<string>;
  /** The person has added a second factor; a sign-in that waited for it is complete. */
  enrolled(browser: SignInBrowser): Promise<string>;
}

interface SignInParts {
  readonly db: Db;
  readonly audit: Audit;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly throttle: Throttle;
  readonly secondFactors: () => readonly SecondFactor[];
  readonly secondFactorPolicy: () => Promise<'optional' | 'admins' | 'everyone'>;
  readonly isLocalAllowed: () => Promise<boolean>;
  readonly hasRecoveryCodes: (userId: UserId) => Promise<boolean>;
  readonly kinds: EnrolledKinds;
}

export const PENDING_FOR_MS = 10 * 60_000;

const MFA = '/mfa';
export const RECOVERY_CODES = '/account/recovery-codes';

export function createSignIn(parts: SignInParts): SignIn {
  const { db, audit, events, clock, throttle, secondFactors, secondFactorPolicy } = parts;

  async function complete(browser: SignInBrowser, user: User, method: string, secondFactorAt?: number): Promise<void> {
    const now = clock.now();
    await db.transaction(async (tx) => {
      await tx.update(users).set({ lastSignedInAt: now, lastSignedInMethod: method, vpnSessionEndedAt: null, updatedAt: now }).where(eq(users.id, user.id));
      await audit.record(tx, actorOf(user, browser), { action: 'user.signed-in', target: targetOf(user), changes: { method } });
    });
    await browser.session.begin({ userId: user.id, method, signedInAt: now.getTime(), ...(secondFactorAt === undefined ? {} : { secondFactorAt }) });
    events.emit('user.signed-in', { userId: user.id, method });
  }

  async function enabledUser(id: UserId): Promise<User> {
    const user = await userById(db, id);
    if (user === null || user.disabledAt !== null) throw new Unauthenticated(en.signIn.refused);
    return user;
  }

  async function hasSecondFactor(userId: UserId): Promise<boolean> {
    const lists = await Promise.all(secondFactors().map((factor) => factor.list(userId)));
    return lists.some((methods) => methods.length > 0);
  }

  /** Without any plugin that offers one nobody can enrol: then the policy must not keep the owner out. */
  async function mustHaveSecondFactor({ role }: User): Promise<boolean> {
    const policy = await secondFactorPolicy();
    return secondFactors().some(isPossible) && (policy === 'everyone' || (policy === 'admins' && role === 'admin'));
  }

  async function prove(browser: SignInBrowser, userId: UserId, method: string, proof: Proof = 'first-factor'): Promise<string> {
    const user = await enabledUser(userId);
    const since = clock.now().getTime();
    const returnTo = localPath(browser.returnTo);
    if (proof === 'all-factors') {
      await complete(browser, user, method, since);
      return returnTo;
    }
    // Of a factor whose plugin is broken nobody can ask: a recovery code stands in for it.
    const isEnrolled = (await hasSecondFactor(userId)) || (await parts.kinds.areMissing(userId));
    if (!isEnrolled && !(await mustHaveSecondFactor(user))) {
      await complete(browser, user, method);
      return returnTo;
    }
    await browser.session.begin({ pending: { userId, method, since, returnTo, ...(isEnrolled ? {} : { mustEnrol: true }) } });
    return MFA;
  }

  function pendingOf({ pending }: SessionData): PendingSignIn {
    if (pending === undefined || clock.now().getTime() - pending.since > PENDING_FOR_MS) throw new Unauthenticated(en.signIn.expired);
    return pending;
  }

  async function satisfy(browser: SignInBrowser): Promise<string> {
    const pending = pendingOf(browser.session.data);
    const user = await enabledUser(pending.userId);
    await throttle.succeeded(user.id, browser.ip);
    await complete(browser, user, pending.method, clock.now().getTime());
    return pending.returnTo;
  }

  return {
    prove,
    async withPassword(browser, email, password) {
      if (!(await parts.isLocalAllowed())) throw new Forbidden(en.signIn.localOff);
      const account = email.trim().toLowerCase().slice(0, 254);
      await throttle.attempt(account, browser.ip);
      const user = await userByEmail(db, account);
      const isRight = await verifyPassword(user?.passwordHash ?? null, password);
      if (user === null || !isRight || user.disabledAt !== null) throw new Unauthenticated(en.signIn.wrong);
      await throttle.succeeded(account, browser.ip);
      if (user.passwordHash !== null && isOutdated(user.passwordHash)) await rehash(db, user.id, password);
      return prove(browser, user.id, 'local');
    },
    async withIdentity(browser, identity, policy, proof) {
      const user = await db.transaction((tx) => accountOf(tx, identity, policy, { audit, now: clock.now(), ip: browser.ip }));
      events.emit('user.changed', { userId: user.id });
      return prove(browser, user.id, identity.provider, proof);
    },
    async connect(actor, identity) {
      await db.transaction((tx) => connectIdentity(tx, actor, identity, { audit, now: clock.now(), ip: actor.ip ?? '' }));
    },
    attempt: throttle.attempt,
    succeeded: throttle.succeeded,
    pendingOf,
    async enrolling(browser) {
      const { data } = browser.session;
      if (data.userId !== undefined) {
        requireFreshProof(data, clock.now());
        return actorOf(await enabledUser(data.userId), browser);
      }
      const { userId, mustEnrol } = pendingOf(data);
      // They may have added one elsewhere meanwhile: from then on the first factor alone must add none.
      if (!mustEnrol || (await hasSecondFactor(userId))) throw new Unauthenticated(en.signIn.expired);
      return actorOf(await enabledUser(userId), browser);
    },
    satisfy,
    async enrolled(browser) {
      const { userId } = browser.session.data;
      const who = userId ?? pendingOf(browser.session.data).userId;
      await parts.kinds.follow(who);
      const next = userId === undefined ? await satisfy(browser) : '/account';
      return (await parts.hasRecoveryCodes(who)) ? next : RECOVERY_CODES;
    },
  };
}

/** Whether people can add one here, and be asked for it. */
export function isPossible(factor: SecondFactor): boolean {
  return factor.isPossible?.() ?? true;
}

function actorOf({ id, email, role }: User, { ip }: SignInBrowser): Actor {
  return { userId: id, name: email, role, via: 'page', ip };
}

async function rehash(db: Db, userId: UserId, password: string): Promise<void> {
  const passwordHash = await hashPassword(password);
  await db.transaction(async (tx) => {
    await tx.update(users).set({ passwordHash }).where(eq(users.id, userId));
  });
}
