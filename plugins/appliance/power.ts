import { z } from 'zod';
import { type Actor, authorize, type Host, InvalidInput, line, parse } from '#core';
import { type FindBox, statusOf, theBox } from './box.ts';
import { text } from './text.ts';

export const resetInput = z.strictObject({ hostname: line(1, 64) });

export interface Power {
  reboot(actor: Actor): Promise<void>;
  powerOff(actor: Actor): Promise<void>;
  /** Erases everything that is the owner's. Throws InvalidInput unless the box's name is typed. */
  factoryReset(actor: Actor, input: unknown): Promise<void>;
}

export function createPower({ db, audit }: Pick<Host, 'db' | 'audit'>, find: FindBox): Power {
  /** Written down before: afterwards the box may be gone. */
  async function act(actor: Actor, action: string, verb: string, content = ''): Promise<void> {
    authorize(actor, 'system.manage');
    const box = theBox(find);
    await db.transaction((tx) => audit.record(tx, actor, { action, target: { type: 'system', id: 'box', name: text.box }, changes: {} }));
    await box.request(verb, content);
  }

  return {
    reboot: (actor) => act(actor, 'system.rebooted', 'reboot'),
    powerOff: (actor) => act(actor, 'system.powered-off', 'poweroff'),
    async factoryReset(actor, input) {
      authorize(actor, 'system.manage');
      const { hostname } = parse(resetInput, input);
      const status = await statusOf(theBox(find));
      if (hostname !== status.hostname) throw new InvalidInput({ hostname: [text.reset.wrong(status.hostname)] });
      await act(actor, 'system.reset', 'factory-reset', 'erase-everything');
    },
  };
}
