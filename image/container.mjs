// The same root file system as an OCI image (image-spec 1.1): one layer, one configuration, one index, in a tar archive.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a container does not need: the kernel's part, the box's own units, the firmware. */
const WITHOUT = [
  'usr/lib/modules',
  'usr/lib/firmware',
  'usr/lib/systemd',
  'usr/lib/udev',
  'usr/lib/wiregui/box',
  'etc/systemd',
  'etc/rauc',
  'etc/ssh',
  'usr/lib/openssh',
  'usr/sbin/sshd',
  'usr/bin/ssh-keygen',
  'etc/box.nft',
  'etc/fstab',
  'efi',
];

/** The service's user (image/root/usr/lib/sysusers.d); a volume takes over whose the folder is. */
const SERVICE_ID = 800;

export function makeContainer({ slot, source, build, version, environment }) {
  const folder = join(build, 'oci');
  const blobs = join(folder, 'blobs', 'sha256');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(blobs, { recursive: true });
  const created = new Date(Number(environment.SOURCE_DATE_EPOCH) * 1_000).toISOString();

  const layer = join(folder, 'layer.tar');
  tar(layer, join(slot, 'tree'), ['--exclude-from=-', '.'], WITHOUT.map((path) => `./${path}`).join('\n'));
  const own = join(folder, 'own');
  mkdirSync(join(own, 'var/lib/wiregui'), { recursive: true, mode: 0o700 });
  chmodSync(join(own, 'var'), 0o755);
  chmodSync(join(own, 'var/lib'), 0o755);
  chownSync(join(own, 'var/lib/wiregui'), SERVICE_ID, SERVICE_ID);
  copyFileSync(join(source, 'image', 'container-entry.sh'), join(own, 'entry'));
  tar(layer, own, ['--append', '--transform=s,^entry$,usr/lib/wiregui/entry,', 'entry', 'var/lib']);
  const diffId = `sha256:${hashOf(layer)}`;
  spawn('gzip', ['-n', '-6', '-f', layer]);
  const layerBlob = keepFile(`${layer}.gz`);

  const config = keep({
    created,
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: {
      Entrypoint: ['/usr/lib/wiregui/entry'],
      Cmd: ['serve'],
      Env: ['PATH=/usr/sbin:/usr/bin'],
      ExposedPorts: { '80/tcp': {}, '443/tcp': {}, '51820/udp': {} },
      Volumes: { '/var/lib/wiregui': {} },
      Labels: { 'org.opencontainers.image.title': 'WireGUI', 'org.opencontainers.image.version': version },
    },
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created, created_by: 'npm run image' }],
  });
  const manifest = keep({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...layerBlob }],
  });
  const reference = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    ...manifest,
    annotations: { 'org.opencontainers.image.ref.name': `wiregui:${version}` },
  };
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [reference] }));
  writeFileSync(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));

  const target = join(build, `wiregui-${version}-oci.tar`);
  tar(target, folder, ['oci-layout', 'index.json', 'blobs']);
  rmSync(folder, { recursive: true });
  return target;

  function keep(document) {
    const file = join(folder, 'document.json');
    writeFileSync(file, JSON.stringify(document));
    return keepFile(file);
  }

  function keepFile(file) {
    const digest = hashOf(file);
    const { size } = statSync(file);
    renameSync(file, join(blobs, digest));
    return { digest: `sha256:${digest}`, size };
  }

  function tar(file, from, what, input) {
    const same = ['--sort=name', `--mtime=@${environment.SOURCE_DATE_EPOCH}`, '--numeric-owner', '--format=posix', '--pax-option=delete=atime,delete=ctime'];
    spawn('tar', [...same, ...(what.includes('--append') ? [] : ['--create']), '-C', from, '-f', file, ...what], input);
  }

  function spawn(program, args, input) {
    const { status } = spawnSync(program, args, { env: environment, input, stdio: [input === undefined ? 'ignore' : 'pipe', 'inherit', 'inherit'] });
    if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed`);
  }
}

function hashOf(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
