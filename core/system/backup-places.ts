import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { InvalidInput, messageOf, Unavailable } from '../errors.ts';
import type { Argv, Run } from './run.ts';

/** Where backups go, validated: no field holds a control character. */
export type BackupTarget =
  | { readonly kind: 'folder'; readonly path: string }
  | {
      readonly kind: 'sftp';
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly password: string;
      /** `ssh-ed25519 AAAA…`: no other server is spoken to. */
      readonly hostKey: string;
      readonly folder: string;
    }
  | { readonly kind: 'webdav'; readonly url: string; readonly user: string; readonly password: string; readonly folder: string };

export interface BackupPlace {
  /** Writes, reads and removes a small file there. Throws InvalidInput or Unavailable, saying what is wrong. */
  test(): Promise<void>;
  /** It is there whole, or not at all under this name; the archive is begun when the place is found. */
  put(name: string, archive: () => Readable, signal: AbortSignal): Promise<{ readonly bytes: number }>;
  /** The names of our own archives, the oldest first. */
  list(): Promise<readonly string[]>;
  remove(name: string): Promise<void>;
}

/** `wiregui-<box>-<UTC>`; nothing else is ever listed or removed. */
const OWN_NAME = /^wiregui-[a-z0-9.-]{1,100}-\d{8}T\d{6}Z\.tar\.gz(\.age)?$/;
const MINUTE_MS = 60_000;
const TRANSFER_MS = 6 * 60 * MINUTE_MS;
const TEST_NAME = 'wiregui-test';

export function createPlaces(dataDirectory: string, run: Run): (target: BackupTarget) => BackupPlace {
  return (target) => (target.kind === 'folder' ? folderPlace(target.path, dataDirectory) : remotePlace(target, dataDirectory, run));
}

function folderPlace(path: string, dataDirectory: string): BackupPlace {
  const wrong = (why: string, cause?: unknown) => new InvalidInput({ folder: [why] }, { cause });

  /** Its real place, whatever links lead there. */
  function find(): string {
    if (!isAbsolute(path)) throw wrong('must begin with /');
    const real = existsSync(path) ? realpathSync(path) : null;
    if (real === null || !statSync(real).isDirectory()) throw wrong(`${path} is no folder on this box; is the disk mounted?`);
    const way = relative(realpathSync(dataDirectory), real);
    if (!way.startsWith('..')) throw wrong('must not be in the data folder: what is lost together is no backup');
    return real;
  }

  return {
    async test() {
      const probe = join(find(), `.${TEST_NAME}-${randomUUID()}`);
      try {
        writeFileSync(probe, '', { mode: 0o600, flag: 'wx' });
        rmSync(probe);
      } catch (cause) {
        throw wrong(`cannot be written to: ${messageOf(cause)}`, cause);
      }
    },
    async put(name, archive, signal) {
      const folder = find();
      const part = join(folder, `.${own(name)}.part`);
      try {
        await pipeline(archive(), createWriteStream(part, { mode: 0o600, flush: true }), { signal });
        const { size } = statSync(part);
        await rename(part, join(folder, name));
        await sync(folder);
        return { bytes: size };
      } catch (error) {
        await rm(part, { force: true });
        throw error;
      }
    },
    list: async () => ours(await readdir(find())),
    remove: async (name) => rm(join(find(), own(name))),
  };
}

/**
 * By rclone, whose configuration it reads from an unnamed file on standard input: neither its arguments nor the disk hold a secret.
 * Transfers appear under their name when they are whole.
 */
function remotePlace(target: Exclude<BackupTarget, { kind: 'folder' }>, dataDirectory: string, run: Run): BackupPlace {
  async function rclone(args: readonly string[], signal?: AbortSignal, deadlineMs = MINUTE_MS): Promise<string> {
    const folder = mkdtempSync(join(dataDirectory, 'rclone-'));
    try {
      const knownHosts = join(folder, 'known_hosts');
      if (target.kind === 'sftp') writeFileSync(knownHosts, knownHostLine(target));
      const obscured = target.password === '' ? '' : (await run(['rclone', 'obscure', '-'], { stdin: target.password })).stdout.trim();
      const argv: Argv = ['rclone', '--config', '/dev/stdin', '--cache-dir', folder, '--retries', '1', '--contimeout', '20s', '--timeout', '60s', ...args];
      const { stdout } = await run(argv, { stdin: configurationOf(target, obscured, knownHosts), deadlineMs, ...(signal ? { signal } : {}) });
      return stdout;
    } catch (error) {
      throw new Unavailable(lastWordsOf(messageOf(error)), { cause: error });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  const at = (name = '') => `target:${[target.folder, name].filter((part) => part !== '').join('/')}`;

  async function upload(name: string, content: Readable, signal?: AbortSignal): Promise<{ readonly bytes: number }> {
    const folder = mkdtempSync(join(dataDirectory, 'outgoing-'));
    try {
      const file = join(folder, name);
      await pipeline(content, createWriteStream(file, { mode: 0o600 }), signal ? { signal } : {});
      const part = at(`.${name}.part`);
      await rclone(['copyto', file, part], signal, TRANSFER_MS);
      await rclone(['moveto', part, at(name)], signal);
      return { bytes: statSync(file).size };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  return {
    async test() {
      const name = `${TEST_NAME}-${randomUUID()}`;
      await upload(name, createReadStream('/dev/null'));
      await rclone(['deletefile', at(name)]);
    },
    put: (name, archive, signal) => upload(own(name), archive(), signal),
    list: async () => ours((await rclone(['lsf', '--files-only', at()])).split('\n')),
    remove: async (name) => void (await rclone(['deletefile', at(own(name))])),
  };
}

function configurationOf(target: Exclude<BackupTarget, { kind: 'folder' }>, obscured: string, knownHosts: string): string {
  const fields =
    target.kind === 'sftp'
      ? {
          type: 'sftp',
          host: target.host,
          port: target.port,
          user: target.user,
          pass: obscured,
          known_hosts_file: knownHosts,
          shell_type: 'none',
          disable_hashcheck: true,
        }
      : { type: 'webdav', url: target.url, vendor: 'other', user: target.user, pass: obscured };
  return ['[target]', ...Object.entries(fields).flatMap(([name, value]) => (value === '' ? [] : [`${name} = ${value}`])), ''].join('\n');
}

/** sshd(8), SSH_KNOWN_HOSTS FILE FORMAT. */
function knownHostLine({ host, port, hostKey }: Extract<BackupTarget, { kind: 'sftp' }>): string {
  return `${port === 22 ? host : `[${host}]:${port}`} ${hostKey}\n`;
}

/** rclone says much; what went wrong stands in its last line. */
function lastWordsOf(message: string): string {
  const lines = message.split('\n').filter((line) => line.trim() !== '');
  return (lines.at(-1) ?? message).replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d (ERROR|Failed to \w+) ?: ?/, '').slice(0, 300);
}

function own(name: string): string {
  if (!OWN_NAME.test(name)) throw new Error(`${JSON.stringify(name)} is no archive of ours`);
  return name;
}

/** The time stands last and always in the same width: it decides. */
function ours(names: readonly string[]): readonly string[] {
  const timeOf = (name: string) => /\d{8}T\d{6}Z/.exec(name)?.[0] ?? '';
  return names.filter((name) => OWN_NAME.test(name)).sort((a, b) => timeOf(a).localeCompare(timeOf(b)));
}

async function sync(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}
