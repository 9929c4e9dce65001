import { type Actor, authorize, contains, equalInConstantTime, type Host, hashToken, parseCidr, randomToken } from '#core';
import { section } from './section.ts';
import { metricsToken } from './tables.ts';

/** `off`: nobody was given access at all. */
export type Access = 'off' | 'granted' | 'refused';

export interface MetricsAccess {
  of(ip: string, authorization: string | undefined): Promise<Access>;
  /** When the token was made; null when there is none. */
  tokenMadeAt(): Promise<Date | null>;
  /** Makes a token in the place of the one before; the answer is the only copy. */
  makeToken(actor: Actor): Promise<string>;
  removeToken(actor: Actor): Promise<void>;
}

const TARGET = { type: 'settings', id: section.id, name: section.text.title };

export function createAccess({ db, audit, clock, settings }: Pick<Host, 'db' | 'audit' | 'clock' | 'settings'>): MetricsAccess {
  const stored = () => db.remembered('metrics token', async () => (await db.select().from(metricsToken).limit(1))[0] ?? null);

  return {
    async of(ip, authorization) {
      const { allowedNetworks } = await settings.read(section);
      const token = await stored();
      if (token === null && allowedNetworks.length === 0) return 'off';
      const address = parseCidr(ip);
      if (address !== null && allowedNetworks.some((network) => contains(network)(address))) return 'granted';
      const [, shown = ''] = /^Bearer +(\S+) *$/i.exec(authorization ?? '') ?? [];
      return token !== null && equalInConstantTime(hashToken(shown), token.hash) ? 'granted' : 'refused';
    },
    tokenMadeAt: async () => (await stored())?.createdAt ?? null,
    async makeToken(actor) {
      authorize(actor, 'settings.manage');
      const token = `wgm_${randomToken()}`;
      const now = clock.now();
      await db.transaction(async (tx) => {
        await tx.delete(metricsToken);
        await tx.insert(metricsToken).values({ hash: hashToken(token), createdAt: now, updatedAt: now });
        await audit.record(tx, actor, { action: 'metrics.token-created', target: TARGET });
      });
      return token;
    },
    async removeToken(actor) {
      authorize(actor, 'settings.manage');
      await db.transaction(async (tx) => {
        await tx.delete(metricsToken);
        await audit.record(tx, actor, { action: 'metrics.token-removed', target: TARGET });
      });
    },
  };
}
