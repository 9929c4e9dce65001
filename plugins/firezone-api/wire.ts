import type { Row } from './operate.ts';

/** ISO 8601 with microseconds, as Firezone writes it. */
export function moment(value: unknown): string | null {
  return value instanceof Date ? value.toISOString().replace('Z', '000Z') : null;
}

/** Those fields of `given` that Firezone knows, under our names; it ignores what it does not know. */
export function known(given: Row, names: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(names).flatMap(([theirs, ours]) => (given[theirs] === undefined ? [] : [[ours, given[theirs]]])));
}

export function reversed(names: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(names).map(([theirs, ours]) => [ours, theirs]));
}
