import type { UserId } from '../net/inputs.ts';

/** What a browser session remembers. Only core writes it; `userId` stands here when sign-in is complete. */
export interface SessionData {
  userId?: UserId;
  method?: string;
  signedInAt?: number;
  secondFactorAt?: number;
  pending?: PendingSignIn;
  /** Tickets of what plugins hold for this browser, by kind. */
  tickets?: Readonly<Record<string, string>>;
  /** Shown once on the next page. */
  flash?: Flash;
}

export interface Flash {
  readonly kind: 'success' | 'warning' | 'danger';
  readonly message: string;
  /** A button that takes back what the message tells of: where it posts to, and what. */
  readonly undo?: { readonly action: string; readonly fields: readonly (readonly [string, string])[] };
}

/** Somebody has proved who they are, and a second factor is still missing. */
export interface PendingSignIn {
  readonly userId: UserId;
  readonly method: string;
  readonly since: number;
  /** The local path to go to afterwards. */
  readonly returnTo: string;
  /** They have none yet, and must enrol one to go on. */
  readonly mustEnrol?: true;
}
