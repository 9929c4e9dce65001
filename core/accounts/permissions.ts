import { Forbidden, Unauthenticated } from '../errors.ts';
import type { UserId } from '../net/inputs.ts';
import { en } from '../text/en.ts';
import type { Role } from './tables.ts';

export type Via = 'page' | 'api' | 'cli' | 'job';

/** Who acts: a signed-in user, nobody yet, or the box itself (`system`: its owner at the console, or a job). */
export interface Actor {
  readonly userId: UserId | null;
  /** The email, or the name of the job or command. */
  readonly name: string;
  readonly role: Role | 'system' | 'nobody';
  readonly via: Via;
  readonly ip: string | null;
  /** Where on this box their connection came in. */
  readonly arrivedAt?: { readonly address: string; readonly port: number };
}

/** A name such as `users.manage`; plugins add theirs. */
export type Permission = string;

/** What every signed-in user may do; administrators may do everything. */
const ROLE_UNPRIVILEGED: readonly Permission[] = ['devices.own', 'account.own'];

export function allows(actor: Actor, permission: Permission): boolean {
  if (actor.role === 'nobody') return false;
  return actor.role !== 'unprivileged' || ROLE_UNPRIVILEGED.includes(permission);
}

/** Throws Unauthenticated or Forbidden unless the actor has the permission. */
export function authorize(actor: Actor, permission: Permission): void {
  if (actor.role === 'nobody') throw new Unauthenticated(en.errors.signInFirst);
  if (!allows(actor, permission)) throw new Forbidden(en.errors.forbidden);
}

export function nobody(ip: string | null): Actor {
  return { userId: null, name: 'nobody', role: 'nobody', via: 'page', ip };
}

/** The box acting for its owner at the console, or a job. */
export function systemActor(name: string, via: 'cli' | 'job'): Actor {
  return { userId: null, name, role: 'system', via, ip: null };
}
