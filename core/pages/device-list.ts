import { allows } from '../accounts/permissions.ts';
import { userById } from '../accounts/store.ts';
import type { Db } from '../db/open.ts';
import { statusOf } from '../devices/describe.ts';
import { DEVICE_ACTS, type DeviceAct, type Devices } from '../devices/devices.ts';
import { deviceFields } from '../devices/schema.ts';
import { STATUS_FILTERS, type StatusFilter } from '../devices/status-filter.ts';
import { countDevices, DEVICE_SORTS, type DeviceQuery, devicesByIds, findDevices, listDevices, type OwnedDevice } from '../devices/store.ts';
import { type CsvColumns, csv } from '../http/csv.ts';
import { type FormState, field } from '../http/fields.ts';
import { readForm } from '../http/forms.ts';
import { choiceFilter, pagerFor, readList, setFilters, sortLinks, withQuery } from '../http/lists.ts';
import { type PageRequest, type Reply, type Route, view } from '../http/route.ts';
import { type SelectionAct, selectionPages } from '../http/selection.ts';
import { parse } from '../parse.ts';
import type { CoreSections } from '../settings/sections.ts';
import type { Settings } from '../settings/settings.ts';
import type { Clock } from '../system/clock.ts';
import { en } from '../text/en.ts';

interface DeviceListParts {
  readonly db: Db;
  readonly devices: Devices;
  readonly settings: Settings;
  readonly sections: CoreSections;
  readonly clock: Clock;
}

const text = en.devices;
const OWN = '/devices';
const ALL = '/admin/devices';

const FILTER_LABELS = Object.fromEntries(STATUS_FILTERS.map((kind) => [kind, kind === 'online' ? text.online : text.states[kind]]));

/** One's own devices, and for administrators everybody's: searched, sorted, exported, and changed several at once. */
export function deviceListPages(parts: DeviceListParts): readonly Route[] {
  const { db, devices, settings, sections, clock } = parts;
  const acts = deviceActs(devices);

  async function asQuery(query: URLSearchParams, userId: string | undefined): Promise<DeviceQuery> {
    const kind = query.get('status') ?? '';
    const { vpnSessionDuration } = await settings.read(sections.security);
    const status = Object.hasOwn(FILTER_LABELS, kind) ? { kind: kind as StatusFilter, vpnSessionDuration, now: clock.now() } : undefined;
    return { ...readList(query, DEVICE_SORTS, 'name'), userId, status };
  }

  async function list({ query, actor }: PageRequest, path: string, userId: string | undefined): Promise<Reply> {
    const state = readList(query, DEVICE_SORTS, 'name');
    const filters = [choiceFilter(query, 'status', text.status, FILTER_LABELS)];
    const { items, total } = await listDevices(db, await asQuery(query, userId));
    const { vpnSessionDuration, allowSelfService, maxDevicesPerUser } = await settings.read(sections.security);
    const isEverybodys = path === ALL;
    const ownCount = isEverybodys ? 0 : await countDevices(db, userId);
    return view('core/devices/list', {
      title: isEverybodys ? text.allTitle : text.title,
      isEverybodys,
      root: path,
      rows: items.map((device) => ({ device, status: statusOf(device, vpnSessionDuration, clock.now()) })),
      state,
      filters,
      isFiltered: state.q !== '' || Object.keys(setFilters(filters)).length > 0,
      userId: isEverybodys ? userId : undefined,
      filteredBy: isEverybodys && userId !== undefined ? ((await userById(db, userId))?.email ?? userId) : null,
      acts,
      maySelect: isEverybodys,
      mayAdd: allows(actor, 'devices.manage') || allowSelfService,
      isFull: !isEverybodys && ownCount >= maxDevicesPerUser,
      ownCount,
      limit: maxDevicesPerUser,
      exportPath: isEverybodys ? withQuery(`${ALL}.csv`, query) : null,
      sorts: sortLinks(path, query, state, DEVICE_SORTS),
      pager: pagerFor(path, query, state, total),
    });
  }

  const ownerIn = (query: URLSearchParams) => query.get('user') || undefined;

  return [
    { method: 'GET', path: OWN, permission: 'devices.own', handle: (request) => list(request, OWN, request.actor.userId ?? '') },
    { method: 'GET', path: ALL, permission: 'devices.manage', handle: (request) => list(request, ALL, ownerIn(request.query)) },
    {
      method: 'GET',
      path: `${ALL}.csv`,
      permission: 'devices.manage',
      async handle({ query }) {
        const asked = await asQuery(query, ownerIn(query));
        const { vpnSessionDuration } = await settings.read(sections.security);
        return csv('devices.csv', columns(vpnSessionDuration, clock.now()), (page) => findDevices(db, { ...asked, offset: 0, ...page }));
      },
    },
    ...selectionPages<OwnedDevice>({
      root: ALL,
      permission: 'devices.manage',
      acts,
      find: (ids) => devicesByIds(db, ids),
      name: ({ id, name, owner }) => ({ id, name, detail: owner.email }),
    }),
  ];
}

function columns(vpnSessionDuration: number, now: Date): CsvColumns<OwnedDevice> {
  return {
    id: ({ id }) => id,
    name: ({ name }) => name,
    owner: ({ owner }) => owner.email,
    status: (device) => statusOf(device, vpnSessionDuration, now).kind,
    online: (device) => statusOf(device, vpnSessionDuration, now).isOnline,
    ipv4: ({ ipv4 }) => ipv4,
    ipv6: ({ ipv6 }) => ipv6,
    allowed_subnets: ({ allowedSubnets }) => allowedSubnets,
    public_key: ({ publicKey }) => publicKey,
    remote_ip: ({ remoteIp }) => remoteIp,
    rx_bytes: ({ rxBytes }) => rxBytes,
    tx_bytes: ({ txBytes }) => txBytes,
    latest_handshake: ({ latestHandshake }) => latestHandshake,
    expires_at: ({ expiresAt }) => expiresAt,
    disabled_at: ({ disabledAt }) => disabledAt,
    created_at: ({ createdAt }) => createdAt,
    description: ({ description }) => description,
  };
}

const expiry = deviceFields.pick({ expiresAt: true });

function deviceActs(devices: Devices): readonly SelectionAct<OwnedDevice>[] {
  const words: Readonly<Record<DeviceAct, Omit<SelectionAct<OwnedDevice>, 'name' | 'run'>>> = {
    pause: { label: text.pause, icon: 'player-pause', undoneBy: 'resume', ask: (chosen) => text.manyPauseAsk(chosen.length) },
    resume: { label: text.resume, icon: 'player-play', undoneBy: 'pause', ask: (chosen) => text.manyResumeAsk(chosen.length) },
    expire: {
      label: text.expire,
      icon: 'calendar-off',
      ask: (chosen) => text.manyExpireAsk(chosen.length),
      fields: (state: FormState) => [field(state, 'expiresAt', text.expiresAt, { kind: 'moment', help: text.expiresHelp })],
    },
    delete: { label: en.common.delete, icon: 'trash', isDangerous: true, ask: (chosen) => text.manyDeleteAsk(chosen.length) },
  };
  return DEVICE_ACTS.map((name) => ({
    ...words[name],
    name,
    async run({ actor, form }, ids) {
      const { expiresAt } = name === 'expire' ? parse(expiry, readForm(expiry, form)) : { expiresAt: null };
      return text.manyDone[name]((await devices.toAll(actor, name, ids, expiresAt)).length);
    },
  }));
}
