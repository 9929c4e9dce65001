import { z } from 'zod';
import type { Actor, Operation } from '#core';
import { type Ssh, switchInput } from './ssh.ts';
import { keyInput } from './ssh-key.ts';
import { text } from './text.ts';

const stateAnswer = z.strictObject({
  enabled: z.boolean(),
  running: z.boolean(),
  hostFingerprint: z.string().nullable(),
  keys: z.array(z.strictObject({ id: z.string(), type: z.string(), bits: z.int(), fingerprint: z.string(), comment: z.string() })),
});

export function sshOperations(ssh: Ssh): readonly Operation[] {
  const shared = { tag: 'System', permission: 'system.manage', answer: stateAnswer } as const;
  const shown = async (actor: Actor) => {
    const { isOn, isRunning, hostFingerprint, keys } = await ssh.state(actor);
    return { body: { enabled: isOn, running: isRunning, hostFingerprint, keys: keys.map(({ line: _, ...key }) => key) } };
  };
  return [
    { ...shared, id: 'get-ssh', method: 'GET', path: '/system/ssh', summary: text.operations.ssh, handle: ({ actor }) => shown(actor) },
    {
      ...shared,
      id: 'switch-ssh',
      method: 'PUT',
      path: '/system/ssh',
      summary: text.operations.switchSsh,
      body: switchInput,
      async handle({ actor, body }) {
        await ssh.switch(actor, body);
        return shown(actor);
      },
    },
    {
      ...shared,
      id: 'add-ssh-key',
      method: 'POST',
      path: '/system/ssh/keys',
      summary: text.operations.addSshKey,
      body: keyInput,
      status: 201,
      async handle({ actor, body }) {
        await ssh.add(actor, body);
        return shown(actor);
      },
    },
    {
      ...shared,
      id: 'remove-ssh-key',
      method: 'DELETE',
      path: '/system/ssh/keys/:id',
      summary: text.operations.removeSshKey,
      async handle({ actor, params }) {
        await ssh.remove(actor, params['id'] ?? '');
        return shown(actor);
      },
    },
  ];
}
