import { createSetup } from '../accounts/setup.ts';
import { createThrottle } from '../accounts/throttle.ts';
import { coreSections } from '../settings/sections.ts';
import { randomToken } from '../system/secrets.ts';
import { atConsole, print, readStdin } from './console.ts';

// A command ends before it could read settings twice.
const NOTHING_KEPT = { forget: () => {} };

/** Makes an administrator or resets one. The password comes from standard input when it is no terminal. */
export async function createOrResetAdmin(email: string): Promise<void> {
  const given = process.stdin.isTTY ? '' : await readStdin();
  const password = given || randomToken(15);
  const admin = await atConsole((console) =>
    createSetup({
      ...console,
      throttle: createThrottle(console.db, console.clock),
      sections: coreSections(console.config),
      settings: NOTHING_KEPT,
    }).createOrResetAdmin(email, password),
  );
  print(
    given
      ? `${admin.email} is an administrator with the password you gave.`
      : `${admin.email} is an administrator; the password is ${password} (shown only this once).`,
  );
  print(`If the second factor is lost too: wiregui user reset-factors ${admin.email}`);
}
