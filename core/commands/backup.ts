import { chmodSync, createWriteStream, openSync } from 'node:fs';
import { readConfig } from '../config.ts';
import { restore, writeBackup } from '../db/backup.ts';
import { parse } from '../parse.ts';
import { passphraseSchema } from '../system/backups.ts';
import { programPaths } from '../system/paths.ts';
import { print, readStdin } from './console.ts';

interface Options {
  readonly passphraseStdin?: boolean;
}

export async function backupTo(file: string, options: Options): Promise<void> {
  const passphrase = options.passphraseStdin ? parse(passphraseSchema, { passphrase: await readStdin() }).passphrase : null;
  const descriptor = openSync(file, 'wx', 0o600);
  chmodSync(file, 0o600);
  await writeBackup(readConfig().dataDirectory, createWriteStream(file, { fd: descriptor }), passphrase);
  if (passphrase === null) print(`${file} holds database and keys. Whoever has it has every secret of this box: keep it safe.`);
  else print(`${file} holds database and keys, encrypted. \`age -d\` opens it with the passphrase; without the passphrase nobody does.`);
}

export async function restoreFrom(file: string, options: Options): Promise<void> {
  const { dataDirectory } = readConfig();
  const passphrase = options.passphraseStdin ? await readStdin() : null;
  const manifest = await restore(file, dataDirectory, programPaths().migrations, passphrase);
  print(`Restored the backup of ${manifest.createdAt}. What was there before stands beside it as *.before-restore.`);
}
