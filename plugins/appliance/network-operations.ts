import { z } from 'zod';
import type { Operation } from '#core';
import { type Network, networkInput } from './network.ts';
import { text } from './text.ts';

const stateAnswer = z.strictObject({
  ports: z.array(z.strictObject({ name: z.string(), up: z.boolean(), addresses: z.array(z.string()) })),
  secondsLeft: z.int().nullable(),
  isAsFlashed: z.boolean(),
  layout: z.enum(['one', 'two']),
  wan: z.string().nullable(),
  method: z.enum(['dhcp', 'static']),
  address: z.string().nullable(),
  gateway: z.string().nullable(),
  dns: z.array(z.string()),
  address6: z.string().nullable(),
  gateway6: z.string().nullable(),
  lan: z.string().nullable(),
  lanAddress: z.string().nullable(),
  dhcpServer: z.boolean(),
  nat: z.boolean(),
});

export function networkOperations(network: Network): readonly Operation[] {
  const shared = { tag: 'System', permission: 'system.manage', answer: stateAnswer } as const;
  const shown = async (actor: Parameters<Network['state']>[0]) => {
    const { ports, network: present, secondsLeft } = await network.state(actor);
    const wire = ports.map(({ name, isUp, addresses }) => ({ name, up: isUp, addresses }));
    return { body: { ports: wire, secondsLeft, isAsFlashed: present === null, ...(present ?? networkInput.parse({})) } };
  };
  return [
    { ...shared, id: 'get-system-network', method: 'GET', path: '/system/network', summary: text.operations.network, handle: ({ actor }) => shown(actor) },
    {
      ...shared,
      id: 'try-system-network',
      method: 'PUT',
      path: '/system/network',
      summary: text.operations.tryNetwork,
      body: networkInput,
      async handle({ actor, body }) {
        await network.attempt(actor, body);
        return shown(actor);
      },
    },
    {
      ...shared,
      id: 'confirm-system-network',
      method: 'POST',
      path: '/system/network/confirm',
      summary: text.operations.confirmNetwork,
      async handle({ actor }) {
        await network.confirm(actor);
        return shown(actor);
      },
    },
    {
      ...shared,
      id: 'undo-system-network',
      method: 'POST',
      path: '/system/network/undo',
      summary: text.operations.undoNetwork,
      async handle({ actor }) {
        await network.undo(actor);
        return shown(actor);
      },
    },
  ];
}
