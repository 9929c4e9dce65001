import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../core/system/run.ts';
import { VERSION } from '../../core/version.ts';

const ROOT = join(import.meta.dirname, '..', '..');
export const BUILD = process.env['WIREGUI_IMAGE_BUILD'] ?? join(ROOT, 'build');
const KEYS = join(BUILD, 'test-keys');
const FOREIGN_KEYS = join(BUILD, 'foreign-keys');
const BUNDLES = join(BUILD, 'bundles');

/** The current version as a disk, and bundles of later ones that fail in their own ways. */
export const IMAGE = imageOf('vm');
export const NEXT = '99.0.0';
/** Every processor is kept busy beyond what anything else can interrupt: as good as a kernel that hangs. */
const HANG = `[Unit]
DefaultDependencies=no
After=local-fs.target
[Service]
ExecStart=/usr/lib/hang
[Install]
WantedBy=sysinit.target
`;
const HANG_PROGRAM = `#!/bin/bash
mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug
sysctl -qw kernel.sched_rt_runtime_us=-1
# Since Linux 6.12 ordinary programs are served all the same, unless told otherwise.
for cpu in /sys/kernel/debug/sched/fair_server/cpu*; do echo 0 >$cpu/runtime; done
for cpu in /sys/kernel/debug/sched/fair_server/cpu*; do chrt -f 99 taskset -c \${cpu##*cpu} bash -c "while :; do :; done" & done
wait
`;

type Flavour = 'vm' | 'hardware';

interface Variant {
  readonly version: string;
  /** What is done to the root before it is packed. */
  readonly tweak?: string;
  readonly keys?: string;
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  next: { version: NEXT },
  older: { version: '0.0.1', tweak: 'rm -rf tree/*' },
  foreign: { version: '99.0.1', tweak: 'rm -rf tree/*', keys: FOREIGN_KEYS },
  'broken-root': { version: '99.0.2', tweak: 'rm -rf tree/*; mkdir tree/usr' },
  'broken-kernel': { version: '99.0.3', tweak: 'rm -rf tree/*; head -c 9000000 /dev/zero | openssl enc -aes-128-ctr -pass pass:x -pbkdf2 >boot/vmlinuz' },
  // It spoils the database before it dies.
  'dying-service': {
    version: '99.0.4',
    tweak: `echo "import('node:fs').then((fs) => { fs.writeFileSync('/var/lib/wiregui/wiregui.db', 'spoilt'); process.exit(1); });" >tree/usr/lib/wiregui/dist/cli.js`,
  },
  // It waits for a disk that it does not have, and then for somebody at the keyboard.
  'missing-disk': {
    version: '99.0.6',
    tweak: `echo 'PARTLABEL=none /mnt ext4 x-systemd.device-timeout=5 0 2' >>tree/etc/fstab
sed -i 's/OnActiveSec=.*/OnActiveSec=20/' tree/usr/lib/systemd/system/box-watch.timer`,
  },
  'hung-kernel': {
    version: '99.0.5',
    tweak: `cat >tree/usr/lib/systemd/system/hang.service <<'X'
${HANG}
X
cat >tree/usr/lib/hang <<'X'
${HANG_PROGRAM}
X
chmod 755 tree/usr/lib/hang
ln -s ../hang.service tree/usr/lib/systemd/system/sysinit.target.wants/hang.service`,
  },
};

/** Makes it if it is missing, and answers its path; `WIREGUI_IMAGE_BUILD` names a folder that is used again. */
export async function buildImage(flavour: Flavour = 'vm'): Promise<string> {
  if (!existsSync(imageOf(flavour))) await make(['--parts', 'disk', '--version', VERSION], KEYS, flavour);
  return imageOf(flavour);
}

function imageOf(flavour: Flavour): string {
  return join(BUILD, `wiregui-${VERSION}-${flavour}.raw`);
}

/** The service as a container; answers the path of the archive. */
export async function buildContainer(): Promise<string> {
  await make(['--parts', 'container', '--version', VERSION], KEYS);
  return join(BUILD, `wiregui-${VERSION}-oci.tar`);
}

/** The service as a Debian package; answers its path. */
export async function buildDebianPackage(): Promise<string> {
  await make(['--parts', 'deb', '--version', VERSION], KEYS);
  return join(BUILD, `wiregui_${VERSION}_amd64.deb`);
}

/** As `npm run image` packs it, which takes a minute longer than tests need. */
export async function buildRelease(): Promise<void> {
  await make(['--parts', 'disk', '--version', VERSION, '--level', '22'], KEYS);
}

/** From the sources as they are; of what an earlier test has made, Debian's packages alone are used again. */
export async function buildImageAnew(): Promise<void> {
  rmSync(IMAGE, { force: true });
  rmSync(BUNDLES, { recursive: true, force: true });
  await buildImage();
}

/** Answers the bundle's path. */
export async function buildBundle(name: string): Promise<string> {
  const { version, tweak = '', keys = KEYS } = VARIANTS[name] as Variant;
  const bundle = join(BUNDLES, `${name}.raucb`);
  if (existsSync(bundle)) return bundle;
  mkdirSync(BUNDLES, { recursive: true });
  await make(['--parts', 'bundle', '--version', version, '--tweak', tweak], keys);
  await run(['mv', join(BUILD, `wiregui-${version}-vm.raucb`), bundle]);
  return bundle;
}

/** A disk image with all bundles: a file system that is packed as little as they can be. */
export async function buildBundles(): Promise<string> {
  const disk = join(BUILD, 'bundles.img');
  if (existsSync(disk)) return disk;
  for (const name of Object.keys(VARIANTS)) await buildBundle(name);
  await tamper(join(BUNDLES, 'next.raucb'), join(BUNDLES, 'tampered.raucb'));
  await run(['mksquashfs', BUNDLES, disk, '-noI', '-noD', '-noF', '-noX', '-noappend', '-quiet', '-no-progress'], { deadlineMs: 300_000 });
  return disk;
}

/** One byte in the middle of the payload is another. */
async function tamper(from: string, to: string): Promise<void> {
  await run(['cp', from, to]);
  await run(['dd', 'if=/dev/zero', `of=${to}`, 'bs=1', 'seek=30000000', 'count=64', 'conv=notrunc', 'status=none']);
}

async function make(args: readonly string[], keys: string, flavour: Flavour = 'vm'): Promise<void> {
  const options = ['--flavour', flavour, '--cached', '--level', '3', '--output', BUILD, '--signing', keys];
  const { stdout } = await run(['node', join(ROOT, 'image', 'make.mjs'), ...options, ...args], { deadlineMs: 1_200_000 });
  writeFileSync(join(BUILD, 'make.log'), stdout, { flag: 'a' });
}
