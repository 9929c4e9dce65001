import { eq } from 'drizzle-orm';
import type { Audit } from '../audit/audit.ts';
import type { Db } from '../db/open.ts';
import { Unauthenticated } from '../errors.ts';
import type { EventBus } from '../events/bus.ts';
import type { UserId } from '../net/inputs.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';
import { hashPassword, isOutdated, verifyPassword } from './passwords.ts';
import type { SessionData } from './session-data.ts';
import { type User, userByEmail, userById } from './store.ts';
import { users } from './tables.ts';
import type { Throttle } from './throttle.ts';
import { targetOf } from './users.ts';

/** The browser that signs in. `begin` gives it a new session id with this data: only core calls it. */
export interface SignInBrowser {
  readonly ip: string;
  begin(data: SessionData): Promise<void>;
}

/** A second factor, as a plugin offers it. */
export interface SecondFactor {
  readonly id: string;
  /** Whether the user has enrolled one of these. */
  isEnrolled(userId: UserId): Promise<boolean>;
}

export interface SignIn {
  /** Checks email and password, throttled. Throws Unauthenticated or TooManyRequests; says the same for unknown accounts. */
  withPassword(browser: SignInBrowser, email: string, password: string): Promise<'complete' | 'second-factor'>;
  /** A method has proved who this is; a second factor is asked for when the user has one. */
  prove(browser: SignInBrowser, userId: UserId, method: string): Promise<'complete' | 'second-factor'>;
  /** A second factor was satisfied for the pending sign-in. */
  satisfy(browser: SignInBrowser, pending: NonNullable<SessionData['pending']>): Promise<void>;
}

interface SignInParts {
  readonly db: Db;
  readonly audit: Audit;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly throttle: Throttle;
  readonly secondFactors: () => readonly SecondFactor[];
}

export const PENDING_FOR_MS = 10 * 60_000;

export function createSignIn({ db, audit, events, clock, throttle, secondFactors }: SignInParts): SignIn {
  async function complete(browser: SignInBrowser, user: User, method: string, secondFactorAt?: number): Promise<void> {
    const now = clock.now();
    await db.transaction(async (tx) => {
      await tx.update(users).set({ lastSignedInAt: now, lastSignedInMethod: method, vpnSessionEndedAt: null, updatedAt: now }).where(eq(users.id, user.id));
      const actor = { userId: user.id, name: user.email, role: user.role, via: 'page' as const, ip: browser.ip };
      await audit.record(tx, actor, { action: 'user.signed-in', target: targetOf(user), changes: { method } });
    });
    await browser.begin({ userId: user.id, method, signedInAt: now.getTime(), ...(secondFactorAt === undefined ? {} : { secondFactorAt }) });
    events.emit('user.signed-in', { userId: user.id, method });
  }

  async function enabledUser(id: UserId): Promise<User> {
    const user = await userById(db, id);
    if (user === null || user.disabledAt !== null) throw new Unauthenticated(en.signIn.wrong);
    return user;
  }

  async function needsSecondFactor(userId: UserId): Promise<boolean> {
    const enrolled = await Promise.all(secondFactors().map((factor) => factor.isEnrolled(userId)));
    return enrolled.includes(true);
  }

  async function prove(browser: SignInBrowser, userId: UserId, method: string): Promise<'complete' | 'second-factor'> {
    const user = await enabledUser(userId);
    if (await needsSecondFactor(userId)) {
      await browser.begin({ pending: { userId, method, since: clock.now().getTime() } });
      return 'second-factor';
    }
    await complete(browser, user, method);
    return 'complete';
  }

  return {
    prove,
    async withPassword(browser, email, password) {
      const account = email.trim().toLowerCase().slice(0, 254);
      await throttle.attempt(account, browser.ip);
      const user = await userByEmail(db, account);
      const isRight = await verifyPassword(user?.passwordHash ?? null, password);
      if (user === null || !isRight || user.disabledAt !== null) throw new Unauthenticated(en.signIn.wrong);
      await throttle.succeeded(account, browser.ip);
      if (user.passwordHash !== null && isOutdated(user.passwordHash)) await rehash(db, user.id, password);
      return prove(browser, user.id, 'local');
    },
    async satisfy(browser, pending) {
      if (clock.now().getTime() - pending.since > PENDING_FOR_MS) throw new Unauthenticated(en.signIn.expired);
      await complete(browser, await enabledUser(pending.userId), pending.method, clock.now().getTime());
    },
  };
}

async function rehash(db: Db, userId: UserId, password: string): Promise<void> {
  const passwordHash = await hashPassword(password);
  await db.transaction(async (tx) => {
    await tx.update(users).set({ passwordHash }).where(eq(users.id, userId));
  });
}
