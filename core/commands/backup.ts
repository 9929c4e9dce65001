import { chmodSync, createWriteStream, openSync } from 'node:fs';
import { readConfig } from '../config.ts';
import { restore, writeBackup } from '../db/backup.ts';
import { programPaths } from '../system/paths.ts';
import { print } from './console.ts';

export async function backupTo(file: string): Promise<void> {
  const descriptor = openSync(file, 'wx', 0o600);
  chmodSync(file, 0o600);
  await writeBackup(readConfig().dataDirectory, createWriteStream(file, { fd: descriptor }));
  print(`${file} holds database and keys. Whoever has it has every secret of this box: keep it safe.`);
}

export async function restoreFrom(file: string): Promise<void> {
  const { dataDirectory } = readConfig();
  const manifest = await restore(file, dataDirectory, programPaths().migrations);
  print(`Restored the backup of ${manifest.createdAt}. What was there before stands beside it as *.before-restore.`);
}
