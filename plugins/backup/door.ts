import { z } from 'zod';
import { type Backups, parse, passphrase, Unavailable } from '#core';
import { text } from './text.ts';

/** Core's backups, which are there whenever core is. */
export type Door = () => Backups | undefined;

export function through(door: Door): Backups {
  const backups = door();
  if (!backups) throw new Unavailable(text.noDoor);
  return backups;
}

/** What stands in a form's field; empty means none. Throws InvalidInput when it is too short to protect anything. */
export function readPassphrase(field: string, form: URLSearchParams): string | null {
  const given = form.get(field);
  return given ? (parse(z.strictObject({ [field]: passphrase }), { [field]: given })[field] ?? null) : null;
}
