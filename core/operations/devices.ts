import { z } from 'zod';
import { type Actor, allows } from '../accounts/permissions.ts';
import type { Db } from '../db/open.ts';
import { clientConfig } from '../devices/client-config.ts';
import { statusOf } from '../devices/describe.ts';
import type { Devices } from '../devices/devices.ts';
import { qrCode, qrPicture } from '../devices/qr.ts';
import { deviceChanges, newDevice } from '../devices/schema.ts';
import { STATUS_FILTERS } from '../devices/status-filter.ts';
import { DEVICE_SORTS, listDevices, type OwnedDevice } from '../devices/store.ts';
import type { PublicKey } from '../net/inputs.ts';
import { parse, publicKey } from '../parse.ts';
import type { Operation } from '../plugin/contract.ts';
import type { CoreSections } from '../settings/sections.ts';
import type { Settings } from '../settings/settings.ts';
import type { Clock } from '../system/clock.ts';
import { deviceAnswer, issuedAnswer } from './answers.ts';
import { paging, sortBy } from './query.ts';

interface DeviceOperationParts {
  readonly db: Db;
  readonly devices: Devices;
  readonly settings: Settings;
  readonly sections: CoreSections;
  readonly clock: Clock;
  readonly serverPublicKey: () => Promise<PublicKey>;
}

const list = z.strictObject({ ...paging, sort: sortBy(DEVICE_SORTS), userId: z.uuid().optional(), status: z.enum(STATUS_FILTERS).optional() });
const shared = { tag: 'Devices', permission: 'devices.own' } as const;

export function deviceOperations({ db, devices, settings, sections, clock, serverPublicKey }: DeviceOperationParts): readonly Operation[] {
  async function show(device: OwnedDevice): Promise<object> {
    const { vpnSessionDuration } = await settings.read(sections.security);
    return showDevice(device, vpnSessionDuration, clock.now());
  }

  async function configuration(device: OwnedDevice, privateKey?: string): Promise<string> {
    return clientConfig({
      device,
      privateKey,
      defaults: await settings.read(sections.client),
      serverPublicKey: await serverPublicKey(),
      presharedKey: devices.presharedKeyOf(device),
      listenPort: (await settings.read(sections.network)).listenPort,
    });
  }

  const act = (id: string, verb: string, summary: string, run: (actor: Actor, id: string) => Promise<OwnedDevice>): Operation => ({
    ...shared,
    id,
    method: 'POST',
    path: `/devices/:id/${verb}`,
    summary,
    answer: deviceAnswer,
    handle: async ({ actor, params }) => ({ body: await show(await run(actor, params['id'] ?? '')) }),
  });

  return [
    {
      ...shared,
      id: 'list-devices',
      method: 'GET',
      path: '/devices',
      summary: 'List devices: everybody’s for administrators, else one’s own',
      query: list,
      answer: deviceAnswer,
      isList: true,
      async handle({ actor, query }) {
        const asked = query as unknown as z.output<typeof list>;
        const userId = allows(actor, 'devices.manage') ? asked.userId : (actor.userId ?? '');
        const { vpnSessionDuration } = await settings.read(sections.security);
        const now = clock.now();
        const status = asked.status && { kind: asked.status, vpnSessionDuration, now };
        const { items, total, next } = await listDevices(db, { ...asked, userId, status });
        return { body: items.map((device) => showDevice(device, vpnSessionDuration, now)), total, next };
      },
    },
    {
      ...shared,
      id: 'create-device',
      method: 'POST',
      path: '/devices',
      summary: 'Create a device; without a public key the answer has the private one, once',
      body: newDevice,
      answer: issuedAnswer,
      answersSecret: true,
      status: 201,
      async handle({ actor, body }) {
        const { device, privateKey } = await devices.create(actor, body);
        return { body: { ...(await show(device)), configuration: await configuration(device, privateKey) } };
      },
    },
    {
      ...shared,
      id: 'get-device',
      method: 'GET',
      path: '/devices/:id',
      summary: 'One device',
      answer: deviceAnswer,
      handle: async ({ actor, params }) => ({ body: await show(await devices.get(actor, params['id'] ?? '')) }),
    },
    {
      ...shared,
      id: 'get-device-config',
      method: 'GET',
      path: '/devices/:id/config',
      summary: 'The configuration for wg-quick, with {{private-key}} where the private key goes: only the device’s owner knows it',
      type: 'text/plain',
      handle: async ({ actor, params }) => ({ body: await configuration(await devices.get(actor, params['id'] ?? '')) }),
    },
    {
      ...shared,
      id: 'update-device',
      method: 'PATCH',
      path: '/devices/:id',
      summary: 'Change a device',
      body: deviceChanges,
      answer: deviceAnswer,
      handle: async ({ actor, params, body }) => ({ body: await show(await devices.update(actor, params['id'] ?? '', body)) }),
    },
    {
      ...shared,
      id: 'delete-device',
      method: 'DELETE',
      path: '/devices/:id',
      summary: 'Delete a device',
      status: 204,
      handle: ({ actor, params }) => devices.remove(actor, params['id'] ?? '').then(() => ({})),
    },
    act('pause-device', 'pause', 'Close a device’s tunnel', devices.pause),
    act('resume-device', 'resume', 'Open a paused device’s tunnel', devices.resume),
    {
      ...shared,
      id: 'rotate-device-key',
      method: 'POST',
      path: '/devices/:id/key',
      summary: 'Give a device a new key pair and preshared key',
      body: newDevice.pick({ publicKey: true }),
      answer: issuedAnswer,
      answersSecret: true,
      status: 201,
      async handle({ actor, params, body }) {
        const { device, privateKey } = await devices.rotateKey(actor, params['id'] ?? '', (body as { publicKey?: string | null }).publicKey ?? null);
        return { body: { ...(await show(device)), configuration: await configuration(device, privateKey) } };
      },
    },
    {
      ...shared,
      id: 'draw-device-config',
      method: 'POST',
      path: '/devices/:id/config.svg',
      summary: 'The configuration as a QR code, for a caller who knows the private key; it is not kept',
      body: z.strictObject({ privateKey: publicKey }),
      type: 'image/svg+xml',
      async handle({ actor, params, body }) {
        const { privateKey } = parse(z.strictObject({ privateKey: publicKey }), body);
        return { body: await qrCode(await configuration(await devices.get(actor, params['id'] ?? ''), privateKey)) };
      },
    },
    {
      ...shared,
      id: 'draw-device-config-png',
      method: 'POST',
      path: '/devices/:id/config.png',
      summary: 'The same as a PNG picture',
      body: z.strictObject({ privateKey: publicKey }),
      type: 'image/png',
      async handle({ actor, params, body }) {
        const { privateKey } = parse(z.strictObject({ privateKey: publicKey }), body);
        return { body: await qrPicture(await configuration(await devices.get(actor, params['id'] ?? ''), privateKey)) };
      },
    },
  ];
}

const shown = new WeakMap<OwnedDevice, { readonly status: string; readonly isOnline: boolean }>();

/** The same answer for the same row while time has not changed its status: lists are asked for again and again. */
function showDevice(device: OwnedDevice, vpnSessionDuration: number, now: Date): object {
  const status = statusOf(device, vpnSessionDuration, now);
  const before = shown.get(device);
  if (before?.status === status.kind && before.isOnline === status.isOnline) return before;
  const { presharedKey: _secret, owner, disabledBy: _by, ...columns } = device;
  const answer = { ...columns, userEmail: owner.email, status: status.kind, isOnline: status.isOnline };
  shown.set(device, answer);
  return answer;
}
