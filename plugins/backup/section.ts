import { z } from 'zod';
import { type BackupTarget, defineSection, host, InvalidInput, line, secretText, within } from '#core';
import { text } from './text.ts';

export const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;

const folder = line(0, 500)
  .refine((path) => !path.split('/').includes('..'), { error: text.problems.dots })
  .default('');
/** What ssh itself prints: kind and key, without the comment (sshd(8)). */
const hostKey = line(0, 2_000)
  .refine((key) => key === '' || /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{40,}={0,2}( .*)?$/.test(key), {
    error: text.problems.hostKey,
  })
  .default('');
const user = line(0, 100)
  .refine((name) => /^[\w.@+\\-]*$/.test(name), { error: text.problems.user })
  .default('');
const url = line(0, 500)
  .refine((address) => address === '' || isPlainUrl(address), { error: text.problems.url })
  .default('');

/** Backups that are made by themselves. */
export const section = defineSection(
  'backup',
  text.settings,
  z.strictObject({
    every: z.enum(['off', 'day', 'week']).default('off'),
    weekday: z.enum(WEEKDAYS).default('sunday'),
    at: line(1, 5)
      .refine((time) => /^([01]\d|2[0-3]):[0-5]\d$/.test(time), { error: text.problems.time })
      .default('03:00'),
    keep: within(1, 1_000).default(14),
    passphrase: secretText(1_024),
    place: z.enum(['folder', 'sftp', 'webdav']).default('folder'),
    folder,
    host: host.nullable().default(null),
    port: within(1, 65_535).default(22),
    hostKey,
    url,
    user,
    password: secretText(1_024),
  }),
);

export type BackupSettings = z.output<typeof section.schema>;
type Open = (sealed: NonNullable<BackupSettings['password']>) => string;

const SHORTEST_PASSPHRASE = 12;

/** Where backups go. Throws InvalidInput, by field, while something that is needed for that is missing. */
export function targetOf(settings: BackupSettings, open: Open): BackupTarget {
  const { place: kind, folder: path, host: server, port, hostKey: key, url: address, user: name, passphrase } = settings;
  const needed = {
    folder: { folder: path },
    sftp: { host: server, user: name, hostKey: key, password: settings.password, passphrase },
    webdav: { url: address, passphrase },
  }[kind];
  const missing = Object.entries(needed).filter(([, value]) => value === null || value === '');
  if (missing.length > 0)
    throw new InvalidInput(Object.fromEntries(missing.map(([field]) => [field, [field === 'passphrase' ? text.problems.mustEncrypt : text.problems.needed]])));
  if (passphrase !== null && open(passphrase).length < SHORTEST_PASSPHRASE) throw new InvalidInput({ passphrase: [text.problems.short] });
  const password = settings.password === null ? '' : open(settings.password);
  if (kind === 'folder') return { kind, path };
  if (kind === 'sftp') return { kind, host: server ?? '', port, user: name, password, hostKey: key.split(' ').slice(0, 2).join(' '), folder: path };
  return { kind, url: address, user: name, password, folder: path };
}

/** In words, without a secret. */
export function describePlace({ place, folder: path, host: server, url: address, user: name }: BackupSettings): string {
  if (place === 'folder') return path;
  const there = place === 'sftp' ? `${name}@${server}` : address;
  return path === '' ? there : text.folderAt(there, path);
}

function isPlainUrl(address: string): boolean {
  const parsed = URL.parse(address);
  return parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.username === '' && parsed.password === '' && !/[\s"'`]/.test(address);
}
