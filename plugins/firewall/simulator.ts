import { type Actor, authorize, type Cidr, type Host, InvalidInput, parse, parseCidr, type UserId, userById } from '#core';
import { type Decider, entryOf } from './compile.ts';
import { decide, EVERY_PORT, mismatch, type Region, spanOf } from './decide.ts';
import { createJudge } from './judge.ts';
import { question } from './schema.ts';
import type { Rule } from './store.ts';
import type { Action } from './tables.ts';
import { text } from './text.ts';

export interface Simulation {
  readonly verdict: Action;
  readonly decidedBy: Decider;
  /** The rules that did not decide, in their order, and why. */
  readonly others: readonly PassedOver[];
  /** Why no packet comes at all just now, whatever the rules say; null when the device is a peer, or none was named. */
  readonly notAPeer: string | null;
}

export interface PassedOver {
  readonly rule: Rule;
  readonly why: 'disabled' | 'destination' | 'protocol' | 'ports' | 'later' | 'peer-to-peer';
}

type Needs = Pick<Host, 'db' | 'settings' | 'network'>;

/** What becomes of a new flow from one user or device to one address, protocol and port, and who decides. */
export type Simulate = (actor: Actor, input: unknown) => Promise<Simulation>;

export function createSimulator(host: Needs): Simulate {
  return async (actor, input) => {
    authorize(actor, 'rules.manage');
    const { destination, protocol, port, userId, deviceId } = parse(question, input);
    if (protocol !== 'icmp' && port === null) throw new InvalidInput({ port: [text.validation.portMissing] });
    if (protocol === 'icmp' && port !== null) throw new InvalidInput({ port: [text.validation.portsNeedProtocol] });
    const { subject, notAPeer } = deviceId === null ? await userNamed(host, userId as UserId | null) : await deviceNamed(host, deviceId);
    const region = packetTo(destination, protocol, port);
    const judge = await createJudge(host, host.db);
    const [verdict] = decide(await judge.entriesFor(subject), region);
    if (!verdict) throw new TypeError('nobody decides over this packet');
    return { verdict: verdict.verdict, decidedBy: verdict.by, others: passedOver(await judge.rulesFor(subject), verdict.by, region), notAPeer };
  };
}

/** A single packet as a region. */
export function packetTo(destination: string, transport: Region['transport'], port: number | null): Region {
  const cidr = parseCidr(destination) as Cidr;
  return { isIpv6: cidr.includes(':'), transport, addresses: spanOf(cidr), ports: port === null ? EVERY_PORT : { from: port, to: port } };
}

async function userNamed({ db }: Needs, userId: UserId | null) {
  if (userId !== null && (await userById(db, userId)) === null) throw new InvalidInput({ userId: [text.unknownUser] });
  return { subject: userId, notAPeer: null };
}

async function deviceNamed({ network }: Needs, deviceId: string) {
  const found = await network.device(deviceId);
  if (found === null) throw new InvalidInput({ deviceId: [text.unknownDevice] });
  const { device, status } = found;
  return { subject: device.userId, notAPeer: status.kind === 'entitled' ? null : text.notAPeer(device.name, status.kind) };
}

function passedOver(rules: readonly Rule[], by: Decider, region: Region): readonly PassedOver[] {
  let hasDecided = by.kind === 'peer-to-peer';
  return rules.flatMap((rule): PassedOver[] => {
    if (by.kind === 'rule' && by.rule.id === rule.id) {
      hasDecided = true;
      return [];
    }
    if (!rule.enabled) return [{ rule, why: 'disabled' }];
    const why = mismatch(entryOf(rule), region);
    if (why !== null) return [{ rule, why }];
    return hasDecided ? [{ rule, why: by.kind === 'peer-to-peer' ? 'peer-to-peer' : 'later' }] : [];
  });
}
