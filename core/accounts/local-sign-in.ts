import { InvalidInput } from '../errors.ts';
import type { SignInMethod } from '../plugin/contract.ts';
import type { Guard } from '../settings/settings.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';
import { hasAdminUsed } from './store.ts';

/** Keeps passwords in use until an administrator has come in another way that is still offered: nobody locks themselves out. */
export function keepAWayIn(clock: Clock, offeredMethods: () => Promise<readonly SignInMethod[]>): Guard {
  return async (tx, next, previous) => {
    if (next['localSignIn'] !== false || previous['localSignIn'] === false) return;
    const methods = (await offeredMethods()).map(({ id }) => id);
    if (!(await hasAdminUsed(tx, methods, clock.now()))) throw new InvalidInput({ localSignIn: [en.settings.localNeeded] });
  };
}
