import { z } from 'zod';
import { type Actor, authorize, type Host, host, line, parse, unique } from '#core';
import { type FindBox, statusOf, theBox } from './box.ts';
import { text } from './text.ts';

/** One label (RFC 1123), as it stands before `.local` (RFC 6762). */
export const nameInput = z.strictObject({
  hostname: line(1, 63)
    .transform((name) => name.toLowerCase())
    .refine((name) => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name) && !/^\d+$/.test(name) && name !== 'localhost', { error: text.name.notAName }),
});

export const ZONES: readonly string[] = ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')];

export const timeInput = z.strictObject({
  timezone: z.string().refine((zone) => ZONES.includes(zone), { error: text.time.notAZone }),
  ntpServers: unique(host, 4).refine((servers) => servers.join(' ').length <= 250, { error: text.time.tooMany }),
});

export interface NameAndTime {
  rename(actor: Actor, input: unknown): Promise<string>;
  setTime(actor: Actor, input: unknown): Promise<void>;
}

export function createNameAndTime({ db, audit }: Pick<Host, 'db' | 'audit'>, find: FindBox): NameAndTime {
  const target = { type: 'system', id: 'box', name: text.box };

  return {
    async rename(actor, input) {
      authorize(actor, 'system.manage');
      const { hostname } = parse(nameInput, input);
      const box = theBox(find);
      const was = await statusOf(box);
      await box.request('name', hostname);
      await db.transaction((tx) => audit.record(tx, actor, { action: 'system.renamed', target, changes: { hostname: [was.hostname, hostname] } }));
      return hostname;
    },
    async setTime(actor, input) {
      authorize(actor, 'system.manage');
      const { timezone, ntpServers } = parse(timeInput, input);
      await theBox(find).request('time', `${timezone}\n${ntpServers.join(' ')}\n`);
      await db.transaction((tx) => audit.record(tx, actor, { action: 'system.time-set', target, changes: { timezone, ntpServers } }));
    },
  };
}
