import { z } from 'zod';
import { type Box, NotFound } from '#core';
import { text } from './text.ts';

/** The box, asked for anew each time: on an ordinary server there is none. */
export type FindBox = () => Box | undefined;

/** What runs here. */
export interface BoxStatus {
  readonly version: string;
  readonly built: Date;
  readonly kernel: string;
  readonly slot: 'A' | 'B';
  /** Of the slot that does not run. */
  readonly isOtherGood: boolean;
  readonly otherVersion: string | null;
  /** Whether the other slot is the one that starts next. */
  readonly startsOtherNext: boolean;
  /** The version that was given up at this start. */
  readonly fellBackFrom: string | null;
  readonly hostname: string;
  readonly timezone: string;
  readonly ntpServers: readonly string[];
  readonly now: Date;
  /** Whether the clock follows a time server. */
  readonly isSynchronised: boolean;
  readonly upSeconds: number;
}

/** Throws NotFound on a machine that is no appliance. */
export function theBox(find: FindBox): Box {
  const box = find();
  if (box === undefined) throw new NotFound(text.none);
  return box;
}

export async function statusOf(box: Box): Promise<BoxStatus> {
  const values = valuesOf(await box.request('status'));
  const value = (name: string) => values.get(name) ?? '';
  const slot = value('slot') === 'B' ? 'B' : 'A';
  return {
    version: value('version'),
    built: new Date(Number(value('built')) * 1_000),
    kernel: value('kernel'),
    slot,
    isOtherGood: value('other') === 'good',
    otherVersion: versionIn(value('rauc'), slot === 'A' ? 'B' : 'A'),
    startsOtherNext: value('next') !== '' && value('next') !== slot,
    fellBackFrom: value('fellBackFrom') || null,
    hostname: value('hostname'),
    timezone: value('timezone') || 'UTC',
    ntpServers: value('ntp') === '' ? [] : value('ntp').split(' '),
    now: new Date(Number(value('now')) * 1_000),
    isSynchronised: value('synchronised') === 'yes',
    upSeconds: Number(value('upSeconds')),
  };
}

/** Lines of name=value; others are left out. */
export function valuesOf(lines: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    lines.flatMap((line): [string, string][] => (line.includes('=') ? [[line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]] : [])),
  );
}

// `rauc status --detailed --output-format=json`: a list of objects with one slot each; one that RAUC never wrote has a bundle without a version.
const raucStatus = z.object({
  slots: z.array(
    z.record(
      z.string(),
      z.object({ bootname: z.string().nullish(), slot_status: z.object({ bundle: z.object({ version: z.string().nullish() }).optional() }).optional() }),
    ),
  ),
});

function versionIn(rauc: string, bootName: string): string | null {
  const parsed = raucStatus.safeParse(jsonOf(rauc));
  const slots = parsed.success ? parsed.data.slots.flatMap((entry) => Object.values(entry)) : [];
  return slots.find(({ bootname }) => bootname === bootName)?.slot_status?.bundle?.version ?? null;
}

/** Undefined where it is no JSON. */
export function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
