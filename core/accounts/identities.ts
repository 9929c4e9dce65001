import { and, eq } from 'drizzle-orm';
import type { Audit } from '../audit/audit.ts';
import type { Db, Queries } from '../db/open.ts';
import { Conflict, Forbidden, NotFound } from '../errors.ts';
import type { UserId } from '../net/inputs.ts';
import { email as emailSchema } from '../parse.ts';
import { en } from '../text/en.ts';
import { type Actor, allows, authorize } from './permissions.ts';
import { endSessionsOf } from './session-store.ts';
import { otherAdmins, type User, userByEmail, userById } from './store.ts';
import { identities, type Role, users } from './tables.ts';

/** Who a provider says that somebody is. Found by (provider, issuer, subject), never by email alone. */
export interface ProvenIdentity {
  /** The provider's id here: `oidc:google`. */
  readonly provider: string;
  readonly issuer: string;
  readonly subject: string;
  readonly email: string | null;
  readonly isEmailVerified: boolean;
}

/** What the provider's settings let such a person do. */
export interface IdentityPolicy {
  /** Makes an account for somebody who has none. */
  readonly mayCreate: boolean;
  /** The role that the provider gives; absent, a new account is unprivileged and a present one keeps its own. */
  readonly role?: Role | undefined;
}

interface Recorder {
  readonly audit: Audit;
  readonly now: Date;
  readonly ip: string;
}

export type Identity = typeof identities.$inferSelect;

export interface Identities {
  of(userId: string): Promise<readonly Identity[]>;
  /** Throws NotFound unless it is the actor's own, or the actor manages users. */
  get(actor: Actor, id: string): Promise<Identity>;
  /** Unlinks it. Throws Conflict when its owner would have no way in. */
  remove(actor: Actor, id: string): Promise<Identity>;
}

export function createIdentities({ db, audit }: { readonly db: Db; readonly audit: Audit }): Identities {
  const of = async (userId: string, queries: Pick<Queries, 'select'> = db) =>
    queries
      .select()
      .from(identities)
      .where(eq(identities.userId, userId as UserId));

  async function get(actor: Actor, id: string, queries: Pick<Queries, 'select'> = db): Promise<Identity> {
    authorize(actor, 'account.own');
    const [row] = await queries.select().from(identities).where(eq(identities.id, id));
    if (!row || (row.userId !== actor.userId && !allows(actor, 'users.manage'))) throw new NotFound(en.identities.unknown);
    return row;
  }

  return {
    of: (userId) => of(userId),
    get: (actor, id) => get(actor, id),
    remove: (actor, id) =>
      db.transaction(async (tx) => {
        const row = await get(actor, id, tx);
        const user = await userById(tx, row.userId);
        const isOwn = row.userId === actor.userId;
        if (isOwn && user?.passwordHash === null && (await of(row.userId, tx)).length === 1) throw new Conflict(en.identities.onlyWayIn);
        await tx.delete(identities).where(eq(identities.id, row.id));
        const { provider, issuer, subject } = row;
        const target = { type: 'user', id: row.userId, name: user?.email ?? '' };
        await audit.record(tx, actor, { action: 'identity.unlinked', target, changes: { provider, issuer, subject } });
        return row;
      }),
  };
}

/**
 * The account behind an identity: the one it is linked to; else an unprivileged one with the same verified email, from now
 * on linked; else a new one. Throws Forbidden, saying why, when there is none.
 */
export async function accountOf(tx: Queries, identity: ProvenIdentity, policy: IdentityPolicy, recorder: Recorder): Promise<User> {
  const linked = await linkedUser(tx, identity);
  if (linked !== null) return withRole(tx, linked, policy.role, recorder);
  const address = emailSchema.safeParse(identity.email ?? '');
  if (!address.success) throw new Forbidden(en.identities.noEmail);
  if (!identity.isEmailVerified) throw new Forbidden(en.identities.unverified(address.data));
  const present = await userByEmail(tx, address.data);
  // Whoever runs the provider's mail could otherwise become administrator here.
  if (present?.role === 'admin') throw new Forbidden(en.identities.adminNotLinked);
  if (present === null && !policy.mayCreate) throw new Forbidden(en.identities.noAccount(address.data));
  const user =
    present === null ? await createUser(tx, address.data, policy.role ?? 'unprivileged', recorder) : await withRole(tx, present, policy.role, recorder);
  await link(tx, user, identity, recorder);
  return user;
}

/** Links an identity to the account of somebody who is signed in. Throws Conflict when it is another's. */
export async function connectIdentity(tx: Queries, actor: Actor, identity: ProvenIdentity, recorder: Recorder): Promise<void> {
  const user = await userById(tx, actor.userId ?? '');
  if (user === null) throw new Forbidden(en.errors.forbidden);
  const present = await linkedUser(tx, identity);
  if (present !== null && present.id !== user.id) throw new Conflict(en.identities.ofAnother);
  if (present === null) await link(tx, user, identity, recorder);
}

async function linkedUser(tx: Queries, { provider, issuer, subject }: ProvenIdentity): Promise<User | null> {
  const [row] = await tx
    .select({ userId: identities.userId })
    .from(identities)
    .where(and(eq(identities.provider, provider), eq(identities.issuer, issuer), eq(identities.subject, subject)));
  return row ? userById(tx, row.userId) : null;
}

async function link(tx: Queries, user: User, { provider, issuer, subject }: ProvenIdentity, { audit, now, ip }: Recorder): Promise<void> {
  await tx.insert(identities).values({ userId: user.id, provider, issuer, subject, createdAt: now, updatedAt: now });
  await audit.record(tx, actorFor(user, ip), { action: 'identity.linked', target: targetOf(user), changes: { provider, issuer, subject } });
}

async function createUser(tx: Queries, email: string, role: Role, { audit, now, ip }: Recorder): Promise<User> {
  const [user] = await tx.insert(users).values({ email, role, createdAt: now, updatedAt: now }).returning();
  if (!user) throw new Forbidden(en.errors.forbidden);
  await audit.record(tx, actorFor(user, ip), { action: 'user.created', target: targetOf(user), changes: { email, role } });
  return user;
}

/** The provider's word on the role holds, but never costs the box its last administrator. */
async function withRole(tx: Queries, user: User, role: Role | undefined, { audit, now, ip }: Recorder): Promise<User> {
  if (role === undefined || role === user.role) return user;
  if (user.role === 'admin' && (await otherAdmins(tx, user.id)) === 0) return user;
  await tx.update(users).set({ role, updatedAt: now }).where(eq(users.id, user.id));
  await endSessionsOf(tx, user.id);
  await audit.record(tx, actorFor(user, ip), { action: 'user.changed', target: targetOf(user), changes: { role: [user.role, role] } });
  return { ...user, role };
}

function actorFor(user: User, ip: string): Actor {
  return { userId: user.id as UserId, name: user.email, role: user.role, via: 'page', ip };
}

function targetOf(user: User): { readonly type: 'user'; readonly id: string; readonly name: string } {
  return { type: 'user', id: user.id, name: user.email };
}
