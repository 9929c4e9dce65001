import { rmSync } from 'node:fs';
import { PassThrough, type Readable } from 'node:stream';
import { z } from 'zod';
import type { Actor } from '../accounts/permissions.ts';
import { type CheckedBackup, checkBackup, confirmRestore, freeBytes, writeBackup } from '../db/backup.ts';
import { Conflict, NotFound } from '../errors.ts';
import { type BackupPlace, type BackupTarget, createPlaces } from './backup-places.ts';
import type { Clock } from './clock.ts';
import { readThrough } from './read-through.ts';
import type { Run } from './run.ts';
import { randomToken } from './secrets.ts';

/** What would be restored, for somebody to decide. */
export interface StagedRestore {
  readonly id: string;
  readonly createdAt: string;
  readonly version: string;
  readonly users: number;
  readonly devices: number;
  readonly isEncrypted: boolean;
}

/** Archives of this box's database and keys. The caller has asked whether the actor may have them. */
export interface Backups {
  /** As one stream; with a passphrase it is encrypted as `age` does it. */
  read(passphrase: string | null): Readable;
  /** How large an uploaded archive may be, so that the disk is not filled. */
  largestBytes(): number;
  /**
   * Checks an archive whole and keeps it for a quarter of an hour, for this owner (a session, a user) alone; only one is kept.
   * Throws InvalidInput when it is amiss, Conflict while another one is being checked.
   */
  stage(archive: Readable, passphrase: string | null, owner: string): Promise<StagedRestore>;
  /** Throws NotFound when it is not there any more, or somebody else's. */
  staged(id: string, owner: string): StagedRestore;
  discard(id: string, owner: string): void;
  /** Decides on it: the service starts again with what it holds. */
  restore(actor: Actor, id: string, owner: string): Promise<void>;
  place(target: BackupTarget): BackupPlace;
}

/** One that protects something. */
export const passphrase = z.string().min(12, 'must have at least 12 characters').max(1_024, 'must have at most 1024 characters');
export const passphraseSchema = z.strictObject({ passphrase });

const KEPT_MS = 15 * 60_000;
/** So that the answer to who has decided is on its way. */
const RESTART_MS = 500;
const GONE = 'This archive is not here any more: choose it again.';

interface BackupsParts {
  readonly dataDirectory: string;
  readonly migrations: string;
  readonly clock: Clock;
  readonly run: Run;
  readonly restart: () => void;
}

export function createBackups({ dataDirectory, migrations, clock, run, restart }: BackupsParts): Backups {
  const place = createPlaces(dataDirectory, run);
  let kept: { readonly shown: StagedRestore; readonly checked: CheckedBackup; readonly owner: string; readonly forget: () => void } | null = null;
  let isBusy = false;

  function drop(): void {
    if (kept === null) return;
    kept.forget();
    rmSync(kept.checked.folder, { recursive: true, force: true });
    kept = null;
  }

  function find(id: string, owner: string) {
    if (kept === null || kept.shown.id !== id || kept.owner !== owner) throw new NotFound(GONE);
    return kept;
  }

  async function alone<T>(work: () => Promise<T>): Promise<T> {
    if (isBusy) throw new Conflict('Another archive is being restored or checked just now.');
    isBusy = true;
    try {
      return await work();
    } finally {
      isBusy = false;
    }
  }

  return {
    place,
    read(passphrase) {
      const archive = new PassThrough();
      writeBackup(dataDirectory, archive, passphrase).catch((error: unknown) => archive.destroy(error instanceof Error ? error : new Error(String(error))));
      return archive;
    },
    largestBytes: () => freeBytes(dataDirectory),
    stage: (archive, passphrase, owner) =>
      alone(async () => {
        drop();
        const checked = await readThrough(archive, (stream) => checkBackup(stream, dataDirectory, migrations, passphrase));
        const { manifest, users, devices } = checked;
        const shown = { id: randomToken(32), createdAt: manifest.createdAt, version: manifest.version, users, devices, isEncrypted: passphrase !== null };
        kept = { shown, checked, owner, forget: clock.after(KEPT_MS, drop) };
        return shown;
      }),
    staged: (id, owner) => find(id, owner).shown,
    discard(id, owner) {
      find(id, owner);
      drop();
    },
    restore: (actor, id, owner) =>
      alone(async () => {
        const { checked, forget } = find(id, owner);
        forget();
        kept = null;
        await confirmRestore(checked, dataDirectory, actor, clock);
        clock.after(RESTART_MS, restart);
      }),
  };
}
