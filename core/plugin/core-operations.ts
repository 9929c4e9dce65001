import { z } from 'zod';
import { type Actor, allows } from '../accounts/permissions.ts';
import { type ListQuery, listUsers, USER_SORTS, type User, userById } from '../accounts/store.ts';
import { newUser, type Users, userChanges } from '../accounts/users.ts';
import type { Db } from '../db/open.ts';
import { clientConfig } from '../devices/client-config.ts';
import { statusOf } from '../devices/describe.ts';
import type { Devices, Issued } from '../devices/devices.ts';
import { deviceChanges, newDevice } from '../devices/schema.ts';
import { DEVICE_SORTS, listDevices, type OwnedDevice } from '../devices/store.ts';
import { NotFound } from '../errors.ts';
import type { PublicKey } from '../net/inputs.ts';
import { line } from '../parse.ts';
import type { CoreSections, Section } from '../settings/sections.ts';
import type { Settings } from '../settings/settings.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';
import type { Operation, OperationAnswer } from './contract.ts';

interface OperationParts {
  readonly db: Db;
  readonly users: Users;
  readonly devices: Devices;
  readonly settings: Settings;
  readonly sections: CoreSections;
  readonly clock: Clock;
  readonly serverPublicKey: () => Promise<PublicKey>;
}

const paging = { limit: z.coerce.number().int().min(1).max(500).default(50), offset: z.coerce.number().int().min(0).default(0), q: line(0, 200).optional() };
const sortBy = (columns: readonly string[]) => z.enum(columns.flatMap((column) => [column, `-${column}`]) as [string, ...string[]]).optional();
const userList = z.strictObject({ ...paging, sort: sortBy(USER_SORTS) });
const deviceList = z.strictObject({ ...paging, sort: sortBy(DEVICE_SORTS), userId: z.uuid().optional() });

/** What core contributes to the API: the service functions that its pages call. */
export function coreOperations(parts: OperationParts): readonly Operation[] {
  return [...userOperations(parts), ...deviceOperations(parts), ...settingsOperations(parts)];
}

function userOperations({ db, users }: OperationParts): readonly Operation[] {
  const permission = 'users.manage';
  const act = (id: string, verb: string, summary: string, run: (actor: Actor, id: string) => Promise<User>): Operation => ({
    id,
    method: 'POST',
    path: `/users/:id/${verb}`,
    permission,
    summary,
    handle: async ({ actor, params }) => ({ body: showUser(await run(actor, params['id'] ?? '')) }),
  });

  return [
    {
      id: 'list-users',
      method: 'GET',
      path: '/users',
      permission,
      summary: 'List users',
      query: userList,
      async handle({ query }) {
        const { items, total } = await listUsers(db, query as unknown as ListQuery);
        return { body: items.map(showUser), headers: { 'X-Total-Count': String(total) } };
      },
    },
    {
      id: 'create-user',
      method: 'POST',
      path: '/users',
      permission,
      summary: 'Create a user',
      body: newUser,
      status: 201,
      handle: async ({ actor, body }) => ({ body: showUser(await users.create(actor, body)) }),
    },
    {
      id: 'get-user',
      method: 'GET',
      path: '/users/:id',
      permission,
      summary: 'One user',
      async handle({ params }) {
        const user = await userById(db, params['id'] ?? '');
        if (user === null) throw new NotFound(en.users.unknown);
        return { body: showUser(user) };
      },
    },
    {
      id: 'update-user',
      method: 'PATCH',
      path: '/users/:id',
      permission,
      summary: 'Change a user',
      body: userChanges,
      handle: async ({ actor, params, body }) => ({ body: showUser(await users.update(actor, params['id'] ?? '', body)) }),
    },
    {
      id: 'delete-user',
      method: 'DELETE',
      path: '/users/:id',
      permission,
      summary: 'Delete a user with everything of theirs',
      status: 204,
      handle: ({ actor, params }) => users.remove(actor, params['id'] ?? '').then(() => ({})),
    },
    act('disable-user', 'disable', 'Disable a user', users.disable),
    act('enable-user', 'enable', 'Enable a user', users.enable),
    act('end-vpn-session', 'vpn-end', 'End a VPN session', users.endVpnSession),
  ];
}

function deviceOperations({ db, devices, settings, sections, clock, serverPublicKey }: OperationParts): readonly Operation[] {
  const permission = 'devices.own';

  async function show(device: OwnedDevice): Promise<object> {
    const { vpnSessionDuration } = await settings.read(sections.security);
    const status = statusOf(device, vpnSessionDuration, clock.now());
    const { presharedKey: _secret, owner, disabledBy: _by, ...columns } = device;
    return { ...columns, userEmail: owner.email, status: status.kind, isOnline: status.isOnline };
  }

  async function issue({ device, privateKey }: Issued): Promise<OperationAnswer> {
    const configuration = clientConfig({
      device,
      privateKey,
      defaults: await settings.read(sections.client),
      serverPublicKey: await serverPublicKey(),
      presharedKey: devices.presharedKeyOf(device),
      listenPort: (await settings.read(sections.network)).listenPort,
    });
    return { body: { ...(await show(device)), configuration } };
  }

  const act = (id: string, verb: string, summary: string, run: (actor: Actor, id: string) => Promise<OwnedDevice>): Operation => ({
    id,
    method: 'POST',
    path: `/devices/:id/${verb}`,
    permission,
    summary,
    handle: async ({ actor, params }) => ({ body: await show(await run(actor, params['id'] ?? '')) }),
  });

  return [
    {
      id: 'list-devices',
      method: 'GET',
      path: '/devices',
      permission,
      summary: 'List devices: everybody’s for administrators, else one’s own',
      query: deviceList,
      async handle({ actor, query }) {
        const asked = query as unknown as z.output<typeof deviceList>;
        const userId = allows(actor, 'devices.manage') ? asked.userId : (actor.userId ?? '');
        const { items, total } = await listDevices(db, { ...asked, userId });
        return { body: await Promise.all(items.map(show)), headers: { 'X-Total-Count': String(total) } };
      },
    },
    {
      id: 'create-device',
      method: 'POST',
      path: '/devices',
      permission,
      summary: 'Create a device; without a public key the answer has the private one, once',
      body: newDevice,
      status: 201,
      handle: async ({ actor, body }) => issue(await devices.create(actor, body)),
    },
    {
      id: 'get-device',
      method: 'GET',
      path: '/devices/:id',
      permission,
      summary: 'One device',
      handle: async ({ actor, params }) => ({ body: await show(await devices.get(actor, params['id'] ?? '')) }),
    },
    {
      id: 'update-device',
      method: 'PATCH',
      path: '/devices/:id',
      permission,
      summary: 'Change a device',
      body: deviceChanges,
      handle: async ({ actor, params, body }) => ({ body: await show(await devices.update(actor, params['id'] ?? '', body)) }),
    },
    {
      id: 'delete-device',
      method: 'DELETE',
      path: '/devices/:id',
      permission,
      summary: 'Delete a device',
      status: 204,
      handle: ({ actor, params }) => devices.remove(actor, params['id'] ?? '').then(() => ({})),
    },
    act('pause-device', 'pause', 'Close a device’s tunnel', devices.pause),
    act('resume-device', 'resume', 'Open a paused device’s tunnel', devices.resume),
    {
      id: 'rotate-device-key',
      method: 'POST',
      path: '/devices/:id/key',
      permission,
      summary: 'Give a device a new key pair and preshared key',
      body: newDevice.pick({ publicKey: true }),
      status: 201,
      handle: async ({ actor, params, body }) =>
        issue(await devices.rotateKey(actor, params['id'] ?? '', (body as { publicKey?: string | null }).publicKey ?? null)),
    },
  ];
}

function settingsOperations({ settings, sections }: OperationParts): readonly Operation[] {
  const permission = 'settings.manage';
  return Object.values(sections as Readonly<Record<string, Section>>).flatMap((section): Operation[] => [
    {
      id: `get-${section.id}-settings`,
      method: 'GET',
      path: `/configuration/${section.id}`,
      permission,
      summary: `${section.text.title}: read`,
      handle: async () => ({ body: await settings.read(section) }),
    },
    {
      id: `update-${section.id}-settings`,
      method: 'PATCH',
      path: `/configuration/${section.id}`,
      permission,
      summary: `${section.text.title}: change`,
      body: section.schema.partial(),
      handle: async ({ actor, body }) => ({ body: await settings.update(actor, section, body) }),
    },
  ]);
}

function showUser({ passwordHash, ...user }: User): object {
  return { ...user, hasPassword: passwordHash !== null };
}
