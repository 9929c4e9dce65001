import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { plugins } from '../plugins/index.ts';
import { type App, createApp } from './app.ts';
import { type Config, readConfig } from './config.ts';
import { finishRestore, removeLeftovers } from './db/backup.ts';
import { messageOf } from './errors.ts';
import { type Listening, listen } from './http/listen.ts';
import { systemClock } from './system/clock.ts';
import { createLog, type Log } from './system/log.ts';
import { programPaths } from './system/paths.ts';
import { run, watch } from './system/run.ts';
import { randomToken } from './system/secrets.ts';

const SHUTDOWN_MS = 5_000;
/** Of these so long for answers that are still to be given. */
const ANSWER_MS = 2_000;

/** Runs the service until a signal ends it. Throws when it cannot start. */
export async function serve(): Promise<void> {
  const config = readConfig();
  const log = createLog({ level: config.logLevel, directory: config.logDirectory });
  process.on('uncaughtException', (error) => {
    log.fatal({ error: messageOf(error), stack: error.stack }, 'service ended by an error');
    process.exit(1);
  });
  removeLeftovers(config.dataDirectory);
  if (finishRestore(config.dataDirectory)) log.warn('a backup was restored; what was there before stands beside it as *.before-restore');
  const app = await createApp({ config, paths: programPaths(), plugins, clock: systemClock, log, run, watch, restart: () => void restart() });
  await prepareAdmin(app, config);
  const server = await listen(app.http.callback(), app.certificates, config);
  await app.start();
  announce(app, config, await app.setup.isNeeded());
  if (config.runtimeDirectory !== undefined) await tellConsole(app, config.runtimeDirectory);
  log.info({ url: config.externalUrl, network: app.reconciler.status() }, 'service started');
  const stop = stopping(app, server, log);
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void stop(signal, () => process.exit(0)));

  async function restart(): Promise<void> {
    await stop('restore', () => beginAnew());
  }
}

/** The unattended first run: WG_ADMIN_EMAIL with a password, or with one made here and printed once. */
async function prepareAdmin(app: App, { adminEmail, adminPassword }: Config): Promise<void> {
  if (adminEmail === undefined || !(await app.setup.isNeeded())) return;
  const password = adminPassword ?? randomToken(15);
  await app.setup.createOrResetAdmin(adminEmail, password);
  if (adminPassword === undefined) print(`The password of ${adminEmail} is ${password} (shown only this once).`);
}

function announce(app: App, { externalUrl }: Config, isSetupNeeded: boolean): void {
  const status = app.reconciler.status();
  print(`WireGUI is at ${externalUrl}`);
  if (status.kind === 'off') print(`The data plane is off: ${status.why}`);
  if (isSetupNeeded) print(`Open ${externalUrl}/setup and give the code ${app.setup.code}`);
  else print('Sign in with your email and password. Forgotten? Run: wiregui admin create-or-reset <email>');
}

const CONSOLE_MS = 2_000;

/** What the screen at an appliance shows: the code as long as it is of use, and the fingerprint of the certificate. */
async function tellConsole(app: App, directory: string): Promise<void> {
  tell('setup-code', (await app.setup.isNeeded()) ? app.setup.code : undefined);
  tell('fingerprint', app.certificates?.facts().fingerprint);
  systemClock.after(CONSOLE_MS, () => void tellConsole(app, directory));

  function tell(name: string, text: string | undefined): void {
    const file = join(directory, name);
    if (text === undefined) rmSync(file, { force: true });
    else writeFileSync(file, `${text}\n`, { mode: 0o600 });
  }
}

/** Answers what has been asked, ends what runs, within five seconds, and then does what is given; once. */
function stopping(app: App, server: Listening, log: Log) {
  let isStopping = false;
  return async (why: string, then: () => void) => {
    if (isStopping) return;
    isStopping = true;
    log.info({ why }, 'service stopping');
    setTimeout(then, SHUTDOWN_MS).unref();
    const answered = server.close();
    app.endStreams();
    await Promise.race([answered, pause(ANSWER_MS)]);
    await app.stop();
    then();
  };
}

/**
 * This process becomes a new one of the same number (execve(2)), whether or not somebody watches over it: systemd, a container
 * and `npm start` all see nothing of it. Where that does not work it ends, as a failure, for a supervisor to start it again.
 */
function beginAnew(): void {
  process.execve?.(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)]);
  process.exit(75);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
