import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './wait.ts';

/** A server that files are sent to; everything ends with `await using`. */
export interface FileServer extends AsyncDisposable {
  readonly port: number;
  /** Where what is sent arrives. */
  readonly folder: string;
}

export interface SftpServer extends FileServer {
  readonly user: string;
  readonly password: string;
  /** Kind and key, as known_hosts has it. */
  readonly hostKey: string;
}

/** rclone as a WebDAV server. */
export async function startWebdavServer(user: string, password: string): Promise<FileServer> {
  const { folder, port } = await prepare();
  const env = { PATH: process.env['PATH'], RCLONE_USER: user, RCLONE_PASS: password, HOME: folder };
  return serving(spawn('rclone', ['serve', 'webdav', '--addr', `127.0.0.1:${port}`, join(folder, 'files')], { env }), folder, port);
}

/** OpenSSH, with keys of its own and a user made for it, who has no shell. */
export async function startSftpServer(password: string): Promise<SftpServer> {
  const { folder, port } = await prepare();
  const user = `sftp-${port}`;
  mkdirSync('/run/sshd', { recursive: true });
  execFileSync('useradd', ['--no-create-home', '--home-dir', join(folder, 'files'), '--shell', '/usr/sbin/nologin', user]);
  execFileSync('chpasswd', { input: `${user}:${password}\n` });
  execFileSync('chown', ['-R', user, join(folder, 'files')]);
  execFileSync('chmod', ['755', folder]);
  const key = join(folder, 'host_key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${key}`,
    `PidFile ${folder}/pid`,
    'PasswordAuthentication yes',
    'UsePAM no',
    'PermitUserEnvironment no',
    'Subsystem sftp internal-sftp',
    'ForceCommand internal-sftp',
  ];
  writeFileSync(join(folder, 'sshd_config'), `${lines.join('\n')}\n`);
  const server = await serving(
    spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(folder, 'sshd_config')]),
    folder,
    port,
    () => void execFileSync('userdel', ['--force', user]),
  );
  const hostKey = readFileSync(`${key}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
  return { ...server, user, password, hostKey };
}

async function prepare() {
  const folder = mkdtempSync(join(tmpdir(), 'wiregui-server-'));
  mkdirSync(join(folder, 'files'));
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return { folder, port };
}

async function serving(child: ChildProcess, folder: string, port: number, cleanUp = () => {}): Promise<FileServer> {
  let output = '';
  child.stderr?.on('data', (chunk) => (output += chunk));
  await until(`a server listens on ${port}`, () => child.exitCode !== null || answers(port));
  if (child.exitCode !== null) throw new Error(output);
  return {
    port,
    folder: join(folder, 'files'),
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
      cleanUp();
      rmSync(folder, { recursive: true });
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.once('error', () => resolve(false)).once('connect', () => socket.destroy());
  });
}
