import { randomInt } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { z } from 'zod';
import type { Audit } from '../audit/audit.ts';
import type { Db, Queries } from '../db/open.ts';
import { InvalidInput, NotFound } from '../errors.ts';
import { endpoint, parse } from '../parse.ts';
import type { CoreSections } from '../settings/sections.ts';
import type { Settings } from '../settings/settings.ts';
import { settings as settingsTable } from '../settings/tables.ts';
import type { Clock } from '../system/clock.ts';
import { equalInConstantTime } from '../system/secrets.ts';
import { en } from '../text/en.ts';
import { hashPassword } from './passwords.ts';
import { systemActor } from './permissions.ts';
import { endSessionsOf } from './session-store.ts';
import { hasAdmin, type User, userByEmail } from './store.ts';
import { users } from './tables.ts';
import type { Throttle } from './throttle.ts';
import { newUser, password, targetOf } from './users.ts';

export interface Setup {
  isNeeded(): Promise<boolean>;
  /** The one-time code for the console; made anew at each start. */
  readonly code: string;
  /** Makes the first administrator. Throws NotFound when somebody else was first. */
  complete(input: unknown, ip: string): Promise<User>;
  /** Makes the administrator, or gives the one with this email a new password and enables them. */
  createOrResetAdmin(email: string, newPassword: string): Promise<User>;
}

interface SetupParts {
  readonly db: Db;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly throttle: Throttle;
  readonly sections: CoreSections;
  readonly settings: Pick<Settings, 'forget'>;
}

// Without the letters and digits that look alike on a console.
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';

export function createSetup({ db, audit, clock, throttle, sections, settings }: SetupParts): Setup {
  const code = makeCode();
  const { ipv4Network, ipv6Network } = sections.network.schema.shape;
  const form = z.strictObject({ code: z.string(), email: newUser.shape.email, password, endpoint, ipv4Network, ipv6Network });

  async function insertAdmin(tx: Queries, email: string, passwordHash: string): Promise<User> {
    const now = clock.now();
    const [admin] = await tx.insert(users).values({ email, role: 'admin', passwordHash, createdAt: now, updatedAt: now }).returning();
    if (!admin) throw new NotFound(en.users.unknown);
    return admin;
  }

  async function store(tx: Queries, section: string, document: Readonly<Record<string, unknown>>): Promise<void> {
    const row = { document, updatedAt: clock.now() };
    await tx
      .insert(settingsTable)
      .values({ section, ...row })
      .onConflictDoUpdate({ target: settingsTable.section, set: row });
  }

  /** Whoever is at the console gets in with the password just given. */
  async function allowLocalSignIn(tx: Queries): Promise<void> {
    const { id } = sections.security;
    const [row] = await tx.select().from(settingsTable).where(eq(settingsTable.section, id));
    if (row?.document['localSignIn'] === false) await store(tx, id, { ...row.document, localSignIn: true });
  }

  return {
    code,
    isNeeded: async () => !(await hasAdmin(db)),
    async complete(input, ip) {
      await throttle.attempt('setup', ip);
      const given = parse(form, input);
      if (!equalInConstantTime(normalize(given.code), normalize(code))) throw new InvalidInput({ code: [en.setup.codeWrong] });
      const passwordHash = await hashPassword(given.password);
      const admin = await db.transaction(async (tx) => {
        // Asked again inside: of two who are fast, one wins.
        if (await hasAdmin(tx)) throw new NotFound(en.setup.gone);
        const admin = await insertAdmin(tx, given.email, passwordHash);
        await store(tx, sections.client.id, { endpoint: given.endpoint });
        await store(tx, sections.network.id, { ipv4Network: given.ipv4Network, ipv6Network: given.ipv6Network });
        await audit.record(tx, { userId: admin.id, name: admin.email, role: 'admin', via: 'page', ip }, { action: 'box.set-up', target: targetOf(admin) });
        return admin;
      });
      settings.forget();
      return admin;
    },
    async createOrResetAdmin(email, newPassword) {
      const given = parse(newUser, { email, role: 'admin', password: newPassword });
      const passwordHash = await hashPassword(newPassword);
      return db.transaction(async (tx) => {
        const existing = await userByEmail(tx, given.email);
        const admin = existing ?? (await insertAdmin(tx, given.email, passwordHash));
        await tx.update(users).set({ role: 'admin', passwordHash, disabledAt: null, updatedAt: clock.now() }).where(eq(users.id, admin.id));
        await allowLocalSignIn(tx);
        await endSessionsOf(tx, admin.id);
        await audit.record(tx, systemActor('console', 'cli'), { action: existing ? 'admin.reset' : 'admin.created', target: targetOf(admin) });
        return admin;
      });
    },
  };
}

function makeCode(): string {
  const letters = Array.from({ length: 12 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return letters.replace(/(.{4})(?=.)/g, '$1-');
}

function normalize(code: string): string {
  return code.toUpperCase().replace(/[^A-Z0-9]/g, '');
}
