import { z } from 'zod';
import { USER_ACTS, type Users } from '../accounts/users.ts';
import { DEVICE_ACTS, type Devices } from '../devices/devices.ts';
import { deviceFields } from '../devices/schema.ts';
import { parse } from '../parse.ts';
import type { Operation } from '../plugin/contract.ts';

interface BulkOperationParts {
  readonly users: Users;
  readonly devices: Devices;
}

const ids = z.array(z.uuid()).min(1).max(500);
const usersAct = z.strictObject({ act: z.enum(USER_ACTS), ids });
const devicesAct = z.strictObject({ act: z.enum(DEVICE_ACTS), ids, expiresAt: deviceFields.shape.expiresAt.default(null) });

/** The same to several at once, in one transaction: to all of them or none. */
export function bulkOperations({ users, devices }: BulkOperationParts): readonly Operation[] {
  return [
    {
      id: 'act-on-users',
      tag: 'Users',
      method: 'POST',
      path: '/users/selection',
      permission: 'users.manage',
      summary: 'Disable, enable or delete several users, or end their VPN sessions: all or none',
      body: usersAct,
      status: 204,
      async handle({ actor, body }) {
        const given = parse(usersAct, body);
        await users.toAll(actor, given.act, given.ids);
        return {};
      },
    },
    {
      id: 'act-on-devices',
      tag: 'Devices',
      method: 'POST',
      path: '/devices/selection',
      permission: 'devices.own',
      summary: 'Pause, resume, expire or delete several devices: all or none',
      body: devicesAct,
      status: 204,
      async handle({ actor, body }) {
        const given = parse(devicesAct, body);
        await devices.toAll(actor, given.act, given.ids, given.expiresAt);
        return {};
      },
    },
  ];
}
