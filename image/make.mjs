// `npm run image`: the appliance, from this clone. Runs as root on Debian 12 or 13, for the architecture of the machine.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeContainer } from './container.mjs';
import { makeDebianPackage } from './debian-package.mjs';
import { NODE_ENVIRONMENT, NODE_FLAGS } from './node-flags.mjs';
import { FLAVOURS, REMOVED, SUITE, TOOLS, UNUSED } from './packages.mjs';
import { makeSbom } from './sbom.mjs';

const source = join(dirname(fileURLToPath(import.meta.url)), '..');
const PARTS = ['disk', 'bundle', 'sbom', 'container', 'deb'];

const { values: options } = parseArgs({
  options: {
    flavour: { type: 'string', default: 'vm,hardware' },
    parts: { type: 'string', default: PARTS.join(',') },
    version: { type: 'string' },
    output: { type: 'string', default: join(source, 'build') },
    signing: { type: 'string', default: process.env.WIREGUI_SIGNING ?? join(homedir(), '.config', 'wiregui', 'signing') },
    /** Take the Debian packages that the last build fetched. */
    cached: { type: 'boolean', default: false },
    /** zstd's, 1 to 22: of the root file system. */
    level: { type: 'string', default: '22' },
    /** A script that changes the root before it is packed; for tests. */
    tweak: { type: 'string', default: '' },
  },
});

const build = resolve(options.output);
const version = options.version ?? JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')).version;
const parts = options.parts.split(',');
const environment = {
  ...process.env,
  BUILD: build,
  SOURCE: source,
  SOURCE_DATE_EPOCH: process.env.SOURCE_DATE_EPOCH ?? lastCommitAt(),
  LEVEL: options.level,
  REMOVED: REMOVED.join(' '),
  UNUSED: UNUSED.join(' '),
  NODE_FLAGS: NODE_FLAGS.join(' '),
  NODE_ENVIRONMENT: Object.entries(NODE_ENVIRONMENT)
    .map(([name, value]) => `${name}=${value}`)
    .join(' '),
};

if (!/^\d+\.\d+\.\d+(-[0-9a-z.]+)?$/.test(version)) fail(`${version} is not a version such as 1.2.3 or 1.2.3-rc.1`);
for (const part of parts) if (!PARTS.includes(part)) fail(`there is no part ${part}; there are: ${PARTS.join(', ')}`);
mkdirSync(build, { recursive: true });
const signing = prepareSigning(resolve(options.signing));
bootstrap('main', TOOLS, join(build, 'tools'));
step('app.sh', process.arch);
for (const flavour of options.flavour.split(',')) make(flavour);
if (parts.includes('deb')) report(makeDebianPackage({ build, source, version, environment }));

function make(flavour) {
  if (!(flavour in FLAVOURS)) fail(`there is no flavour ${flavour}; there are: ${Object.keys(FLAVOURS).join(', ')}`);
  const { components, packages } = FLAVOURS[flavour];
  const name = join(build, `wiregui-${version}-${flavour}`);
  const slot = join(build, `slot-${flavour}`);
  const base = join(build, `debian-${flavour}.tar`);
  bootstrap(components.join(','), packages, base);
  step('root.sh', base, version, signing.certificate, slot, options.tweak);
  if (parts.includes('disk')) {
    step('disk.sh', slot, `${name}.raw`);
    run('zstd', ['-q', '-f', '-T2', '-9', `${name}.raw`, '-o', `${name}.raw.zst`]);
    report(`${name}.raw`, `${name}.raw.zst`);
  }
  if (parts.includes('bundle')) {
    step('bundle.sh', slot, version, signing.certificate, signing.key, `${name}.raucb`);
    report(`${name}.raucb`);
  }
  if (parts.includes('sbom')) report(makeSbom({ slot, source, version, flavour, target: `${name}.cdx.json`, time: environment.SOURCE_DATE_EPOCH }));
  if (parts.includes('container') && flavour === 'vm') report(makeContainer({ slot, source, build, version, environment }));
}

/** A Debian root with these packages; with `--cached` the one of the last build, if it has the same. */
function bootstrap(components, packages, target) {
  const asked = `${SUITE} ${components} ${[...packages].sort().join(',')}`;
  const note = `${target}.packages`;
  if (options.cached && existsSync(target) && existsSync(note) && readFileSync(note, 'utf8') === asked) return;
  console.log(`Fetching ${packages.length} Debian packages and what they need …`);
  rmSync(note, { force: true });
  step('bootstrap.sh', SUITE, components, packages.join(','), target);
  writeFileSync(note, asked);
}

/** Release keys if the folder has them; else keys for development, made once on this machine and never part of the clone. */
function prepareSigning(folder) {
  const paths = { certificate: join(folder, 'certificate.pem'), key: join(folder, 'key.pem') };
  if (existsSync(paths.key)) return paths;
  console.log(`Making keys for development in ${folder}; updates signed with them are refused by released boxes.`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const subject = ['-subj', '/CN=WireGUI development', '-addext', 'keyUsage=critical,digitalSignature'];
  run('openssl', ['req', '-x509', '-newkey', 'rsa:3072', '-nodes', '-days', '10950', ...subject, '-keyout', paths.key, '-out', paths.certificate], 'pipe');
  chmodSync(paths.key, 0o600);
  return paths;
}

function lastCommitAt() {
  const { status, stdout } = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: source, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : String(Math.floor(statSync(join(source, 'package-lock.json')).mtimeMs / 1000));
}

function step(script, ...args) {
  console.log(`> ${script} ${args.map((arg) => (arg.startsWith(build) ? arg.slice(build.length + 1) : arg)).join(' ')}`);
  run(join(source, 'image', 'build', script), args);
}

/** What a program has to tell of its progress is shown, or with `pipe` only when it fails. */
function run(program, args, stderr = 'inherit') {
  const done = spawnSync(program, args, { env: environment, stdio: ['ignore', 'inherit', stderr] });
  if (done.status !== 0) fail(`${program} failed ${done.stderr ?? ''}`);
}

function report(...files) {
  for (const file of files) console.log(`${file}  ${(statSync(file).size / 1e6).toFixed(1)} MB`);
}

function fail(why) {
  console.error(`image: ${why}`);
  process.exit(1);
}
