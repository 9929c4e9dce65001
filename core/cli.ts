#!/usr/bin/env node
import { Command } from 'commander';
import { AppError, messageOf } from './errors.ts';
import { VERSION } from './version.ts';

// Database, keys and backups are nobody else's, wherever they are written.
process.umask(0o077);

// Each command loads what it needs when it runs: `wiregui status` must not open the database.
const program = new Command('wiregui').description('WireGuard VPN appliance').version(VERSION);

program
  .command('serve')
  .description('run the service')
  .action(async () => (await import('./main.ts')).serve());

program
  .command('status')
  .description('ask the running service how it is')
  .option('--json', 'as JSON')
  .action(async (options: { json?: boolean }) => (await import('./commands/status.ts')).status(options.json === true));

program
  .command('doctor')
  .description('say what is missing on this machine and how to mend it')
  .action(async () => (await import('./commands/doctor.ts')).doctor());

const admin = program.command('admin').description('administrators');
admin
  .command('create-or-reset <email>')
  .description('make an administrator, or give one a new password (read from standard input, or made and printed)')
  .action(async (email: string) => (await import('./commands/admin.ts')).createOrResetAdmin(email));

const plugin = program.command('plugin').description('switch plugins on and off');
for (const verb of ['enable', 'disable'] as const) {
  plugin
    .command(`${verb} <id>`)
    .description(`${verb} a plugin; a running service follows at once`)
    .action(async (id: string) => (await import('./commands/plugin.ts')).switchPlugin(id, verb === 'enable'));
}

program
  .command('backup <file>')
  .description('write database and keys to an archive; the service may run')
  .option('--passphrase-stdin', 'encrypt it under the passphrase that is read from standard input')
  .action(async (file: string, options: object) => (await import('./commands/backup.ts')).backupTo(file, options));

program
  .command('restore <file>')
  .description('put an archive in the place of database and keys; the service must not run')
  .option('--passphrase-stdin', 'the passphrase of an encrypted one is read from standard input')
  .action(async (file: string, options: object) => (await import('./commands/backup.ts')).restoreFrom(file, options));

try {
  // Plugins bring much with them: they are loaded only for a command that is not one of the above.
  const asked = process.argv[2];
  if (asked === undefined || !program.commands.some((command) => command.name() === asked))
    (await import('./commands/plugin-commands.ts')).addPluginCommands(program);
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`wiregui: ${messageOf(error)}\n`);
  process.exitCode = error instanceof AppError ? 1 : 70;
}
