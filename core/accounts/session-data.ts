import type { UserId } from '../net/inputs.ts';

/** What a browser session remembers. Only core writes it; `userId` stands here when sign-in is complete. */
export interface SessionData {
  userId?: UserId;
  method?: string;
  signedInAt?: number;
  secondFactorAt?: number;
  /** Somebody has proved who they are, and a second factor is still missing. */
  pending?: { readonly userId: UserId; readonly method: string; readonly since: number };
  /** Shown once on the next page. */
  flash?: { readonly kind: 'success' | 'warning' | 'danger'; readonly message: string };
}
