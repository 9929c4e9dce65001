import { type Actor, allows } from '../accounts/permissions.ts';
import { userById } from '../accounts/store.ts';
import type { Db } from '../db/open.ts';
import { clientConfig, configFileName, effective, PRIVATE_KEY_SLOT } from '../devices/client-config.ts';
import { defaultsAsText, statusOf } from '../devices/describe.ts';
import type { Devices, Issued } from '../devices/devices.ts';
import { allowedOverrides, createDevicePolicy } from '../devices/policy.ts';
import { qrCode } from '../devices/qr.ts';
import { deviceChanges, newDevice } from '../devices/schema.ts';
import type { OwnedDevice } from '../devices/store.ts';
import { orShowAgain } from '../http/forms.ts';
import { download, type PageRequest, type Reply, type Route, redirect, view } from '../http/route.ts';
import type { Panel } from '../plugin/contract.ts';
import type { CoreSections } from '../settings/sections.ts';
import type { Settings } from '../settings/settings.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';
import { deviceForm, readDeviceForm } from './device-form.ts';
import { deviceListPages } from './device-list.ts';
import { showPanels } from './panels.ts';

export interface DevicePageParts {
  readonly db: Db;
  readonly devices: Devices;
  readonly settings: Settings;
  readonly sections: CoreSections;
  readonly clock: Clock;
  readonly panels: () => readonly Panel<OwnedDevice>[];
  readonly serverPublicKey: () => Promise<Parameters<typeof clientConfig>[0]['serverPublicKey']>;
}

const text = en.devices;

/** Everybody's own devices, and for administrators anybody's. */
export function devicePages(parts: DevicePageParts): readonly Route[] {
  const { db, devices, settings, sections, clock, serverPublicKey } = parts;
  const policy = createDevicePolicy({ settings, sections, clock });

  async function newForm(request: PageRequest, state = { values: {}, errors: {} } as Parameters<typeof deviceForm>[1]): Promise<Reply> {
    const userId = request.query.get('user') ?? request.form.get('userId') ?? '';
    const owner = userId === '' || userId === request.actor.userId ? null : await userById(db, userId);
    const values = { userId, expiresAt: await policy.usualExpiry(), ...state.values };
    const back = owner === null ? '/devices' : `/admin/users/${owner.id}`;
    return view('core/devices/new', { title: text.create, owner, back, ...(await formModel(request.actor, { ...state, values })) });
  }

  async function formModel(actor: Actor, state: Parameters<typeof deviceForm>[1]) {
    const defaults = defaultsAsText(await settings.read(sections.client));
    const mayManage = allows(actor, 'devices.manage');
    const allowed = allowedOverrides(await settings.read(sections.security));
    return deviceForm({ defaults, mayOverride: (name) => mayManage || allowed.includes(name), mayManage }, state);
  }

  async function issued({ device, privateKey }: Issued, title: string, lead: string, isBrowserKey: boolean): Promise<Reply> {
    const config = clientConfig({
      device,
      defaults: await settings.read(sections.client),
      serverPublicKey: await serverPublicKey(),
      presharedKey: devices.presharedKeyOf(device),
      listenPort: (await settings.read(sections.network)).listenPort,
      privateKey,
    });
    const qr = privateKey === undefined ? null : await qrCode(config);
    return view(
      'core/devices/issued',
      { title, lead, device, config, qr, fileName: configFileName(device.name), isBrowserKey, keySlot: PRIVATE_KEY_SLOT },
      201,
    );
  }

  async function details(request: PageRequest): Promise<Reply> {
    const { actor, params, ip } = request;
    const device = await devices.get(actor, params['id'] ?? '');
    const { vpnSessionDuration, allowSelfService } = await settings.read(sections.security);
    const status = statusOf(device, vpnSessionDuration, clock.now());
    const values = defaultsAsText(effective(device, await settings.read(sections.client)));
    const mayEdit = allowSelfService || allows(actor, 'devices.manage');
    const panels = await showPanels(parts.panels(), request, device);
    return view('core/devices/show', {
      title: device.name,
      device,
      status,
      values,
      isOwn: device.userId === actor.userId,
      mayEdit,
      panels,
      isInUse: [device.ipv4, device.ipv6].includes(ip),
    });
  }

  async function editForm(actor: Actor, device: OwnedDevice, state: Parameters<typeof deviceForm>[1]): Promise<Reply> {
    return view('core/devices/edit', { title: text.editTitle(device.name), device, ...(await formModel(actor, state)) });
  }

  /** A question before something that cannot be undone; the same address answers it. */
  const asked = (
    name: string,
    ask: (name: string) => string,
    label: string,
    act: (request: PageRequest, device: OwnedDevice) => Promise<Reply>,
  ): readonly Route[] => [
    {
      method: 'GET',
      path: `/devices/:id/${name}`,
      permission: 'devices.own',
      async handle({ actor, params }) {
        const device = await devices.get(actor, params['id'] ?? '');
        return view('core/confirm', {
          title: label,
          question: ask(device.name),
          label,
          action: `/devices/${device.id}/${name}`,
          back: `/devices/${device.id}`,
          makesKey: name === 'key',
        });
      },
    },
    {
      method: 'POST',
      path: `/devices/:id/${name}`,
      permission: 'devices.own',
      handle: async (request) => act(request, await devices.get(request.actor, request.params['id'] ?? '')),
    },
  ];

  return [
    ...deviceListPages(parts),
    { method: 'GET', path: '/devices/new', permission: 'devices.own', handle: (request) => newForm(request) },
    {
      method: 'POST',
      path: '/devices',
      permission: 'devices.own',
      async handle(request) {
        const { actor, form } = request;
        const input = readDeviceForm(newDevice, form, allows(actor, 'devices.manage'));
        return orShowAgain(
          async () => {
            const result = await devices.create(actor, input);
            return issued(result, text.created, result.privateKey || form.has('browserKey') ? text.createdLead : text.createdOtherKey, form.has('browserKey'));
          },
          (errors) => newForm(request, { values: input, errors }),
        );
      },
    },
    {
      // Without scripts the page cannot make a file, so it sends the text back and gets it as one.
      method: 'POST',
      path: '/devices/configuration',
      permission: 'devices.own',
      handle: ({ form }) =>
        download(configFileName(form.get('name') ?? ''), 'text/plain; charset=utf-8', form.get('config')?.slice(0, 16_384).replaceAll('\r\n', '\n') ?? ''),
    },
    { method: 'GET', path: '/devices/:id', permission: 'devices.own', handle: details },
    {
      method: 'GET',
      path: '/devices/:id/edit',
      permission: 'devices.own',
      async handle({ actor, params }) {
        const device = await devices.get(actor, params['id'] ?? '');
        return editForm(actor, device, { values: device, errors: {} });
      },
    },
    {
      method: 'POST',
      path: '/devices/:id/edit',
      permission: 'devices.own',
      async handle({ actor, params, form, session }) {
        const device = await devices.get(actor, params['id'] ?? '');
        const input = readDeviceForm(deviceChanges, form, allows(actor, 'devices.manage'));
        return orShowAgain(
          async () => {
            const saved = await devices.update(actor, device.id, input);
            session.flash('success', text.saved(saved.name));
            return redirect(`/devices/${saved.id}`);
          },
          (errors) => editForm(actor, device, { values: { ...device, ...input }, errors }),
        );
      },
    },
    ...asked('key', text.rotateAsk, text.rotate, async ({ actor, form }, device) => {
      const result = await devices.rotateKey(actor, device.id, form.get('publicKey') || null);
      return issued(result, text.rotated, text.rotatedLead, form.has('browserKey'));
    }),
    ...asked('pause', text.pauseAsk, text.pause, async ({ actor, session }, device) => {
      await devices.pause(actor, device.id);
      session.flash('success', text.paused(device.name), { action: `/devices/${device.id}/resume`, fields: [] });
      return redirect(`/devices/${device.id}`);
    }),
    ...asked('delete', text.deleteAsk, en.common.delete, async ({ actor, session }, device) => {
      await devices.remove(actor, device.id);
      session.flash('success', text.deleted(device.name));
      return redirect(device.userId === actor.userId ? '/devices' : '/admin/devices');
    }),
    {
      method: 'POST',
      path: '/devices/:id/resume',
      permission: 'devices.own',
      async handle({ actor, params, session }) {
        const device = await devices.resume(actor, params['id'] ?? '');
        session.flash('success', text.resumed(device.name));
        return redirect(`/devices/${device.id}`);
      },
    },
  ];
}
