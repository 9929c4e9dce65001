import { eq } from 'drizzle-orm';
import { z } from 'zod';
import {
  type Actor,
  authorize,
  type CertificateFacts,
  type Certificates,
  Conflict,
  createWebFetch,
  type Host,
  messageOf,
  parse,
  prose,
  systemActor,
} from '#core';
import { orderCertificate } from './acme.ts';
import { type AcmeSettings, refuseIncomplete, section } from './section.ts';
import { makeAccountKey, makeSigningRequest } from './signing-request.ts';
import { certificateAccounts } from './tables.ts';
import { text } from './text.ts';

export const ownCertificate = z.strictObject({ certificate: prose(200_000), key: prose(20_000) });

export interface LastTry {
  readonly at: Date;
  readonly problem: string | null;
}

export interface CertificateService {
  /** Null where somebody else serves https. */
  facts(): CertificateFacts | null;
  lastTry(): LastTry | null;
  install(actor: Actor, input: unknown): Promise<void>;
  makeOwn(actor: Actor): Promise<void>;
  /** Throws Unavailable, saying what the authority said. */
  order(actor: Actor): Promise<void>;
  /** Orders when it is time to; tells the administrators when that fails. */
  renew(): Promise<void>;
}

type Parts = Pick<Host, 'db' | 'audit' | 'clock' | 'secrets' | 'settings' | 'events'> & { readonly certificates: () => Certificates | undefined };

export function createCertificateService({ db, audit, clock, secrets, settings, events, certificates }: Parts): CertificateService {
  let lastTry: LastTry | null = null;

  function serving(): Certificates {
    const found = certificates();
    if (!found) throw new Conflict(text.notServing);
    return found;
  }

  async function record(actor: Actor, action: string): Promise<void> {
    const { names, issuer, until, fingerprint } = serving().facts();
    const target = { type: 'certificate', id: fingerprint, name: names.join(', ') };
    await db.transaction((tx) => audit.record(tx, actor, { action, target, changes: { issuer, until } }));
  }

  async function accountKey(directory: string): Promise<string> {
    const [row] = await db.select().from(certificateAccounts).where(eq(certificateAccounts.directory, directory));
    if (row) return secrets.open(row.key);
    const key = await makeAccountKey();
    const now = clock.now();
    await db.transaction(async (tx) => {
      await tx.insert(certificateAccounts).values({ directory, key: secrets.seal(key), createdAt: now, updatedAt: now });
    });
    return key;
  }

  async function obtain({ directory, email, names, authorities, mayReachThisBox }: AcmeSettings): Promise<void> {
    const { challenges, install } = serving();
    const fetch = createWebFetch({ mayReachThisBox, authorities });
    const { key, request } = await makeSigningRequest(names);
    const account = await accountKey(directory);
    install({ key, certificate: await orderCertificate({ fetch, clock, directory, accountKey: account, email, challenges }, names, request) });
  }

  async function order(actor: Actor): Promise<void> {
    authorize(actor, 'settings.manage');
    const present = await settings.read(section);
    refuseIncomplete(present);
    try {
      await obtain(present);
      await record(actor, 'certificate.ordered');
      lastTry = { at: clock.now(), problem: null };
    } catch (error) {
      lastTry = { at: clock.now(), problem: messageOf(error) };
      throw error;
    }
  }

  return {
    facts: () => certificates()?.facts() ?? null,
    lastTry: () => lastTry,
    order,
    async install(actor, input) {
      authorize(actor, 'settings.manage');
      serving().install(parse(ownCertificate, input));
      await record(actor, 'certificate.installed');
    },
    async makeOwn(actor) {
      authorize(actor, 'settings.manage');
      await serving().makeOwn();
      await record(actor, 'certificate.made');
    },
    async renew() {
      const present = await settings.read(section);
      const facts = certificates()?.facts();
      if (!present.automatic || !facts || !isDue(facts, present.names, clock.now())) return;
      try {
        await order(systemActor('certificate renewal', 'job'));
      } catch (error) {
        events.emit('attention.needed', { severity: 'warning', about: 'certificate', message: text.renewalFailed(messageOf(error)) });
      }
    },
  };
}

/** When a third of its time is left (as Let's Encrypt recommends), when it is one made here, or for other names. */
function isDue({ trust, from, until, names }: CertificateFacts, wanted: readonly string[], now: Date): boolean {
  const leftMs = until.getTime() - now.getTime();
  return trust === 'own' || leftMs < (until.getTime() - from.getTime()) / 3 || wanted.some((name) => !names.includes(name));
}
