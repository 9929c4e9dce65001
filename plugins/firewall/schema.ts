import { z } from 'zod';
import { address, cidr, InvalidInput, line, within } from '#core';
import { text } from './text.ts';

export interface Ports {
  readonly from: number;
  readonly to: number;
}

const PORTS = /^(\d{1,5})(?:\s*[-:]\s*(\d{1,5}))?$/;

/** `80` or `1000-2000` as numbers, 1–65535; null when it is neither. */
export function parsePorts(given: string): Ports | null {
  const match = PORTS.exec(given.trim());
  if (!match) return null;
  const from = Number(match[1]);
  const to = Number(match[2] ?? match[1]);
  return from >= 1 && from <= to && to <= 65_535 ? { from, to } : null;
}

const portRange = z.string().transform((given, ctx): string => {
  const ports = parsePorts(given);
  if (ports === null) ctx.addIssue({ code: 'custom', message: text.validation.ports });
  return ports === null ? '' : ports.from === ports.to ? String(ports.from) : `${ports.from}-${ports.to}`;
});

const protocol = z.enum(['any', 'tcp', 'udp', 'icmp'], { error: text.validation.protocol });
const flow = { protocol: protocol.default('any'), portRange: portRange.nullable().default(null), userId: z.uuid().nullable().default(null) };

export const newRule = z.strictObject({
  action: z.enum(['accept', 'drop'], { error: text.validation.action }),
  destination: cidr.nullable().default(null),
  ...flow,
  priority: within(0, 1_000_000).default(100),
  enabled: z.boolean().default(true),
  comment: line(0, 255).default(''),
});

export const ruleChanges = z
  .strictObject({
    action: newRule.shape.action,
    destination: cidr.nullable(),
    protocol,
    portRange: portRange.nullable(),
    userId: z.uuid().nullable(),
    priority: within(0, 1_000_000),
    enabled: z.boolean(),
    comment: line(0, 255),
  })
  .partial();

export const newAssertion = z.strictObject({
  expectation: z.enum(['reach', 'not-reach'], { error: text.validation.expectation }),
  destination: cidr,
  ...flow,
  comment: line(0, 255).default(''),
});

export const question = z.strictObject({
  destination: address,
  protocol: z.enum(['tcp', 'udp', 'icmp'], { error: text.validation.packetProtocol }).default('tcp'),
  port: within(1, 65_535).nullable().default(null),
  userId: z.uuid().nullable().default(null),
  deviceId: z.uuid().nullable().default(null),
});

/** Throws InvalidInput when ports are named for a protocol that has none. */
export function refusePortsWithoutProtocol(given: { readonly protocol: string; readonly portRange: string | null }): void {
  if (given.portRange !== null && given.protocol !== 'tcp' && given.protocol !== 'udp')
    throw new InvalidInput({ portRange: [text.validation.portsNeedProtocol] });
}
