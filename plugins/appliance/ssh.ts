import { z } from 'zod';
import { type Actor, authorize, type Box, Conflict, type Host, InvalidInput, NotFound, parse } from '#core';
import { type FindBox, theBox, valuesOf } from './box.ts';
import { keyInput, readKey, type SshKey } from './ssh-key.ts';
import { text } from './text.ts';

export const switchInput = z.strictObject({ enabled: z.boolean() });

const MOST_KEYS = 20;

export interface SshState {
  readonly isOn: boolean;
  /** False when it is on and the server has ended all the same. */
  readonly isRunning: boolean;
  /** Of the box, once it has been switched on for the first time. */
  readonly hostFingerprint: string | null;
  readonly keys: readonly SshKey[];
}

/** Who may come in as root by SSH. The box keeps it, beside the database and not in its backups. */
export interface Ssh {
  state(actor: Actor): Promise<SshState>;
  /** Throws Conflict while there is no key. */
  switch(actor: Actor, input: unknown): Promise<void>;
  /** Throws InvalidInput when it is no key that may come in, or is there, or there are too many. */
  add(actor: Actor, input: unknown): Promise<SshKey>;
  /** Ends the sessions of SSH. Throws Conflict when it is the last one while it is on. */
  remove(actor: Actor, id: string): Promise<void>;
}

export function createSsh({ db, audit }: Pick<Host, 'db' | 'audit'>, find: FindBox): Ssh {
  const alone = inTurn();

  async function record(actor: Actor, action: string, { type, fingerprint, comment }: Partial<SshKey> = {}): Promise<void> {
    const changes = fingerprint === undefined ? {} : { type, fingerprint, comment };
    await db.transaction((tx) => audit.record(tx, actor, { action, target: { type: 'system', id: 'box', name: text.box }, changes }));
  }

  async function change<T>(actor: Actor, work: (present: SshState, keep: (isOn: boolean, keys: readonly SshKey[]) => Promise<void>) => Promise<T>): Promise<T> {
    authorize(actor, 'system.manage');
    const box = theBox(find);
    const keep = async (isOn: boolean, keys: readonly SshKey[]) =>
      void (await box.request('ssh', [isOn ? 'on' : 'off', ...keys.map(({ line }) => line), ''].join('\n')));
    return alone(async () => work(await readState(box), keep));
  }

  return {
    async state(actor) {
      authorize(actor, 'system.manage');
      return readState(theBox(find));
    },
    switch: (actor, input) =>
      change(actor, async ({ keys }, keep) => {
        const { enabled } = parse(switchInput, input);
        if (enabled && keys.length === 0) throw new Conflict(text.ssh.noKey);
        // Written down before: from then on somebody may be root.
        await record(actor, enabled ? 'system.ssh-enabled' : 'system.ssh-disabled');
        await keep(enabled, keys);
      }),
    add: (actor, input) =>
      change(actor, async ({ isOn, keys }, keep) => {
        const key = readKey(parse(keyInput, input).key);
        if (typeof key === 'string') throw new InvalidInput({ key: [key] });
        const present = keys.find(({ id }) => id === key.id);
        if (present !== undefined) throw new InvalidInput({ key: [text.ssh.isThere(present.comment || present.fingerprint)] });
        if (keys.length >= MOST_KEYS) throw new InvalidInput({ key: [text.ssh.tooMany(MOST_KEYS)] });
        await record(actor, 'system.ssh-key-added', key);
        await keep(isOn, [...keys, key]);
        return key;
      }),
    remove: (actor, id) =>
      change(actor, async ({ isOn, keys }, keep) => {
        const key = keys.find((each) => each.id === id);
        if (key === undefined) throw new NotFound(text.ssh.notThere);
        if (isOn && keys.length === 1) throw new Conflict(text.ssh.last);
        await record(actor, 'system.ssh-key-removed', key);
        await keep(
          isOn,
          keys.filter((each) => each !== key),
        );
      }),
  };
}

async function readState(box: Box): Promise<SshState> {
  const lines = await box.request('ssh-state');
  const values = valuesOf(lines);
  const keys = lines.flatMap((line): SshKey[] => {
    const key = line.startsWith('key=') ? readKey(line.slice('key='.length)) : '';
    return typeof key === 'string' ? [] : [key];
  });
  return { isOn: values.get('on') === 'yes', isRunning: values.get('unit') === 'active', hostFingerprint: values.get('host') || null, keys };
}

/** Whoever changes the list has read it before: one after the other. */
function inTurn(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };
}
