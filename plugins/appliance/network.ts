import { z } from 'zod';
import { type Actor, address, authorize, contains, type Host, InvalidInput, isIpv6, line, parse, parseAddress, parseCidr, prefixOf, unique } from '#core';
import { type FindBox, theBox, valuesOf } from './box.ts';
import { text } from './text.ts';

/** An address with the length of its network's prefix: `192.0.2.5/24`. */
const placed = (version: 4 | 6) =>
  line(1, 50)
    .transform((value) => value.toLowerCase())
    .refine((value) => isPlaced(value, version), { error: version === 4 ? text.network.notPlaced : text.network.notPlaced6 })
    .nullable()
    .default(null);
const single = (version: 4 | 6) =>
  address
    .refine((value) => isIpv6(value) === (version === 6), { error: version === 4 ? text.network.notV4 : text.network.notV6 })
    .nullable()
    .default(null);
const port = line(1, 15)
  .regex(/^[a-z][a-z0-9]*$/, { error: text.network.notAPort })
  .nullable()
  .default(null);

/** How the box is connected: with one port, or with one to the internet and one to computers that it looks after. */
export const networkInput = z.strictObject({
  layout: z.enum(['one', 'two']).default('one'),
  wan: port,
  method: z.enum(['dhcp', 'static']).default('dhcp'),
  address: placed(4),
  gateway: single(4),
  dns: unique(address, 4).default([]),
  address6: placed(6),
  gateway6: single(6),
  lan: port,
  lanAddress: placed(4),
  dhcpServer: z.boolean().default(true),
  nat: z.boolean().default(true),
});
export type BoxNetwork = z.output<typeof networkInput>;

export interface Port {
  readonly name: string;
  readonly isUp: boolean;
  readonly addresses: readonly string[];
}

export interface NetworkState {
  readonly ports: readonly Port[];
  /** What is in force; null: as it was flashed, DHCP on every port. */
  readonly network: BoxNetwork | null;
  /** Until a change that is not confirmed is taken back; null when none is tried. */
  readonly secondsLeft: number | null;
}

export interface Network {
  state(actor: Actor): Promise<NetworkState>;
  /** Tries another network; the box takes it back after two minutes unless it is confirmed. */
  attempt(actor: Actor, input: unknown): Promise<void>;
  confirm(actor: Actor): Promise<void>;
  undo(actor: Actor): Promise<void>;
}

export function createNetwork({ db, audit, network }: Pick<Host, 'db' | 'audit' | 'network'>, find: FindBox): Network {
  async function record(actor: Actor, action: string, changes: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await db.transaction((tx) => audit.record(tx, actor, { action, target: { type: 'system', id: 'box', name: text.box }, changes }));
  }

  async function state(actor: Actor): Promise<NetworkState> {
    authorize(actor, 'system.manage');
    return readState(await theBox(find).request('network-state'));
  }

  return {
    state,
    async attempt(actor, input) {
      const { ports } = await state(actor);
      const wanted = parse(networkInput, input);
      refuseIncomplete(wanted, ports);
      refuseOverlaps(wanted, (await network.topology()).peerNetworks);
      // Written down before: the answer may never arrive.
      await record(actor, 'system.network-tried', { ...wanted });
      await theBox(find).request('network', linesOf(wanted));
    },
    async confirm(actor) {
      authorize(actor, 'system.manage');
      await theBox(find).request('network-confirm');
      await record(actor, 'system.network-confirmed');
    },
    async undo(actor) {
      authorize(actor, 'system.manage');
      await theBox(find).request('network-revert');
      await record(actor, 'system.network-undone');
    },
  };
}

function refuseIncomplete(wanted: BoxNetwork, ports: readonly Port[]): void {
  const problems: Record<string, string[]> = {};
  const need = (name: keyof BoxNetwork) => {
    if (wanted[name] === null) problems[name] = [text.network.needed];
  };
  if (wanted.method === 'static') need('address');
  if (wanted.gateway6 !== null) need('address6');
  if (wanted.layout === 'two') {
    for (const name of ['wan', 'lan', 'lanAddress'] as const) need(name);
    for (const name of ['wan', 'lan'] as const) {
      if (wanted[name] !== null && !ports.some((each) => each.name === wanted[name])) problems[name] = [text.network.noPort];
    }
    if (wanted.wan !== null && wanted.wan === wanted.lan) problems['lan'] = [text.network.samePort];
  }
  const { method, address: own, gateway } = wanted;
  if (method === 'static' && own !== null && gateway !== null && !isWithin(gateway, own)) problems['gateway'] = [text.network.gatewayElsewhere];
  if (Object.keys(problems).length > 0) throw new InvalidInput(problems);
}

/** A packet must have one way to go: no network of the box may share an address with the tunnel, or with another one of the box. */
function refuseOverlaps({ layout, method, address: uplink, address6, lanAddress }: BoxNetwork, tunnels: readonly string[]): void {
  const own = [
    ['address', method === 'static' ? uplink : null],
    ['address6', address6],
    ['lanAddress', layout === 'two' ? lanAddress : null],
  ] as const;
  for (const [index, [name, value]] of own.entries()) {
    if (value === null) continue;
    const others = [...tunnels, ...own.slice(0, index).flatMap(([, other]) => other ?? [])];
    const other = others.find((network) => overlap(value, network));
    if (other !== undefined) throw new InvalidInput({ [name]: [text.network.overlaps(other)] });
  }
}

function overlap(one: string, other: string): boolean {
  const [a, b] = [parseCidr(one), parseCidr(other)];
  if (a === null || b === null || isIpv6(a) !== isIpv6(b)) return false;
  return prefixOf(a) <= prefixOf(b) ? contains(a)(b) : contains(b)(a);
}

function isWithin(single: string, placed: string): boolean {
  const [network, inner] = [parseCidr(placed), parseCidr(single)];
  return network !== null && inner !== null && contains(network)(inner);
}

function isPlaced(value: string, version: 4 | 6): boolean {
  const [own = '', prefix = ''] = value.split('/');
  const [least, most] = version === 4 ? [8, 30] : [16, 127];
  const found = parseAddress(own);
  if (found === null || isIpv6(found) !== (version === 6) || !/^\d{1,3}$/.test(prefix) || Number(prefix) < least || Number(prefix) > most) return false;
  // The network's own address and its broadcast are no computer's.
  return version === 6 || ![hostBits(found, Number(prefix)), hostBits(found, Number(prefix)) + 1 - 2 ** (32 - Number(prefix))].includes(0);
}

function hostBits(own: string, prefix: number): number {
  return own.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) % 2 ** (32 - prefix);
}

function linesOf(wanted: BoxNetwork): string {
  const word = (value: BoxNetwork[keyof BoxNetwork]) =>
    typeof value === 'boolean' ? (value ? 'yes' : 'no') : typeof value === 'string' ? value : (value?.join(' ') ?? '');
  return Object.entries(wanted)
    .map(([name, value]) => `${name}=${word(value)}\n`)
    .join('');
}

function readState(lines: readonly string[]): NetworkState {
  const ports = lines.flatMap((each): Port[] => {
    const [name = '', state = '', ...addresses] = each.startsWith('port=') ? each.slice(5).trim().split(/\s+/) : [];
    return name === '' ? [] : [{ name, isUp: state === 'UP', addresses }];
  });
  const values = valuesOf(lines);
  const secondsLeft = values.has('secondsLeft') ? Math.max(0, Number(values.get('secondsLeft'))) : null;
  if (!values.has('layout')) return { ports, network: null, secondsLeft };
  const value = (name: string) => values.get(name) || null;
  const network = parse(networkInput, {
    layout: value('layout'),
    wan: value('wan'),
    method: value('method'),
    address: value('address'),
    gateway: value('gateway'),
    dns: value('dns')?.split(' ') ?? [],
    address6: value('address6'),
    gateway6: value('gateway6'),
    lan: value('lan'),
    lanAddress: value('lanAddress'),
    dhcpServer: value('dhcpServer') === 'yes',
    nat: value('nat') === 'yes',
  });
  return { ports, network, secondsLeft };
}
