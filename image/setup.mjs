// `npm start` and `npm test` on a fresh machine: installs what is missing, saying what, then goes on under our own Node.
// Runs under Node 20 without any package installed.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NODE_ENVIRONMENT, NODE_FLAGS } from './node-flags.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bin = join(root, 'node_modules', '.bin');
const isRoot = process.getuid?.() === 0;

/** Programs and the Debian packages that bring them. */
const SERVICE = { wg: 'wireguard-tools', nft: 'nftables', ip: 'iproute2', conntrack: 'conntrack', sysctl: 'procps', setsid: 'util-linux' };
const IMAGE = { mmdebstrap: 'mmdebstrap', openssl: 'openssl', zstd: 'zstd', git: 'git', 'dpkg-deb': 'dpkg', unshare: 'util-linux' };
const TESTS = {
  ...SERVICE,
  ...IMAGE,
  'wg-quick': 'wireguard-tools',
  'wireguard-go': 'wireguard-go',
  'qemu-system-x86_64': 'qemu-system-x86',
  chromium: 'chromium',
  curl: 'curl',
  ping: 'iputils-ping',
  wrk: 'wrk',
  'fc-list': 'fontconfig',
  resolvconf: 'openresolv',
  pebble: 'pebble',
  sshd: 'openssh-server',
  'ssh-keygen': 'openssh-client',
  rclone: 'rclone',
  age: 'age',
  // SimpleSAMLphp's own package is unpacked by its test; installed it would bring a web server.
  php: 'php-cli',
};
/** Names of protocols, which nft reads. */
const SERVICE_FILES = { '/etc/protocols': 'netbase' };
const WITHOUT_PROGRAM = {
  ...SERVICE_FILES,
  '/usr/share/fonts/truetype/dejavu': 'fonts-dejavu-core',
  '/usr/share/doc/php-xml': 'php-xml',
  '/usr/share/doc/php-mbstring': 'php-mbstring',
};
const MACHINES = { ...TESTS, mksquashfs: 'squashfs-tools' };

const CHECKS = [
  ['tsc', '-p', '.'],
  ['biome', 'check', '.'],
  ['depcruise', '--config', 'test/architecture/dependency-cruiser.cjs', 'core', 'plugins'],
  ['knip'],
];

const [command, ...args] = process.argv.slice(2);
const commands = {
  start,
  test,
  check: () => process.exit(runChecks() === 0 ? 0 : 1),
  bench: () => runBeside('test/bench/bench.ts'),
  gallery: () => runBeside('test/browser/gallery.ts'),
  image,
  'test-image': () => onMachines('vitest', ['run', '--config', 'test/image/vitest.config.ts', ...args]),
  'bench-image': () => onMachines('node', ['test/image/bench.ts', ...args]),
};
if (!(command in commands)) fail(`there is no ${command}; there are: ${Object.keys(commands).join(', ')}`);
await commands[command]();

async function start() {
  installPackages();
  installPrograms(hasKernelWireguard() ? SERVICE : { ...SERVICE, 'wireguard-go': 'wireguard-go' }, false, SERVICE_FILES);
  build();
  const child = spawn(join(bin, 'node'), [...NODE_FLAGS, join(root, 'dist', 'cli.js'), 'serve'], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...NODE_ENVIRONMENT },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));
}

function test() {
  if (!isRoot) fail('the tests make network namespaces and need root: sudo npm test');
  installPackages();
  installPrograms(TESTS, true, WITHOUT_PROGRAM);
  const failedChecks = args.length > 0 ? 0 : runChecks();
  run('node', ['image/build.mjs']) === 0 || fail('the build failed');
  const folder = mkdtempSync(join(tmpdir(), 'wiregui-test-'));
  const report = join(folder, 'report.json');
  const status = run('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args]);
  const { numPassedTests = 0, numFailedTests = 0 } = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {};
  rmSync(folder, { recursive: true });
  // A file that cannot even be loaded has no test to count.
  const failed = failedChecks + Math.max(numFailedTests, status === 0 ? 0 : 1);
  const checks = args.length > 0 ? 0 : CHECKS.length - failedChecks;
  console.log(`${numPassedTests + checks} passed, ${failed} failed`);
  process.exit(failed === 0 && numPassedTests > 0 ? 0 : 1);
}

/** A program of the tests that is no test. */
function runBeside(program) {
  installPackages();
  installPrograms(TESTS, true, WITHOUT_PROGRAM);
  build();
  process.exit(run('node', [program, ...args]));
}

function image() {
  if (!isRoot) fail('the image is made of a Debian root and needs root: sudo npm run image');
  installPackages();
  installPrograms(IMAGE, true);
  build();
  process.exit(run('node', ['image/make.mjs', ...args]));
}

/** Tests and measurements in emulated machines. */
function onMachines(program, options) {
  if (!isRoot) fail('this makes images and network namespaces and needs root');
  installPackages();
  installPrograms(MACHINES, true, { '/usr/share/OVMF/OVMF_CODE_4M.fd': 'ovmf' });
  build();
  process.exit(run(program, options));
}

function runChecks() {
  return CHECKS.filter(([program, ...options]) => {
    console.log(`> ${program} ${options.join(' ')}`);
    return run(program, options) !== 0;
  }).length;
}

function installPackages() {
  const lock = join(root, 'package-lock.json');
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (existsSync(installed) && existsSync(join(bin, 'node')) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  console.log('Installing npm packages …');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) fail('npm ci failed');
}

function installPrograms(programs, isRequired, files = {}) {
  const missing = new Set(
    Object.entries(programs)
      .filter(([program]) => !isInstalled(program))
      .map(([, name]) => name),
  );
  for (const [path, name] of Object.entries(files)) if (!existsSync(path)) missing.add(name);
  if (missing.size === 0) return;
  const names = [...missing].join(' ');
  if (!isRoot || !isInstalled('apt-get')) {
    const why = isRoot ? 'this is not a Debian or Ubuntu' : 'that needs root';
    if (isRequired) fail(`${names} must be installed, but ${why}`);
    return console.log(`Not installing ${names}: ${why}. The pages work, but the data plane will be off.`);
  }
  console.log(`Installing ${names} …`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...options) => spawnSync('apt-get', ['-qq', ...options], { stdio: ['ignore', 'ignore', 'inherit'], env }).status === 0;
  const isDone = apt('update') && apt('install', '-y', '--no-install-recommends', ...missing);
  // Tests start a server of their own; installing one must not open this machine to others.
  if (missing.has('openssh-server') && isInstalled('systemctl')) spawnSync('systemctl', ['disable', '--now', 'ssh.service', 'ssh.socket'], { stdio: 'ignore' });
  if (!isDone && isRequired) fail(`could not install ${names}`);
  if (!isDone) console.log(`Could not install ${names}. The pages work, but the data plane may be off.`);
}

function build() {
  const built = join(root, 'dist', 'static', 'manifest.json');
  const sources = ['core', 'plugins', 'views', 'static', 'image', 'tsup.config.ts', 'package-lock.json'];
  if (existsSync(built) && existsSync(join(root, 'dist', 'cli.js')) && sources.every((source) => newest(join(root, source)) < statSync(built).mtimeMs)) return;
  console.log('Building …');
  run('node', ['image/build.mjs']) === 0 || fail('the build failed');
}

function newest(path) {
  // Links of the image lead to where they do on the box.
  const stat = lstatSync(path);
  const { mtimeMs } = stat;
  if (!stat.isDirectory()) return mtimeMs;
  return Math.max(mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function hasKernelWireguard() {
  return existsSync('/sys/module/wireguard') || spawnSync('modprobe', ['-n', 'wireguard'], { stdio: 'ignore' }).status === 0;
}

function isInstalled(program) {
  return ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].some((folder) => existsSync(join(folder, program)));
}

function run(program, options) {
  const { status } = spawnSync(join(bin, program), options, { cwd: root, stdio: 'inherit', env: { ...process.env, PATH: `${bin}:${process.env.PATH}` } });
  return status ?? 1;
}

function fail(why) {
  console.error(`wiregui: ${why}`);
  process.exit(1);
}
