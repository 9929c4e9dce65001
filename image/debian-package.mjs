// The service for people with their own server: a Debian package with Node inside, and a unit as hardened as the box's.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

// netbase has the names of protocols that rules are written with.
const DEPENDS = 'wireguard-tools, nftables, netbase, iproute2, conntrack, procps, adduser, libc6 (>= 2.28)';

export function makeDebianPackage({ build, source, version, environment }) {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const tree = join(build, 'deb');
  const box = join(source, 'image', 'root');
  const put = (path, text, mode = 0o644) => {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text, { mode });
  };
  rmSync(tree, { recursive: true, force: true });
  cpSync(join(build, 'app'), join(tree, 'usr/lib/wiregui'), { recursive: true });
  put('usr/bin/wiregui', readFileSync(join(box, 'usr/bin/wiregui')), 0o755);
  put('usr/lib/wiregui/restore-network', readFileSync(join(box, 'usr/lib/wiregui/box/restore-network')), 0o755);
  put('usr/lib/systemd/system/wiregui.service', serviceUnit(join(box, 'usr/lib/systemd/system/wiregui.service')));
  put('usr/lib/systemd/system/wiregui-network.service', networkUnit(join(box, 'usr/lib/systemd/system/box-network.service')));
  put('usr/lib/sysctl.d/80-wiregui.conf', 'net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\n');
  put('usr/lib/modules-load.d/wiregui.conf', 'wireguard\n');
  put('etc/default/wiregui', SETTINGS);
  put('usr/share/doc/wiregui/README.md', readFileSync(join(source, 'README.md')));
  put('DEBIAN/conffiles', '/etc/default/wiregui\n');
  put('DEBIAN/postinst', POSTINST, 0o755);
  put('DEBIAN/prerm', PRERM, 0o755);
  put('DEBIAN/postrm', POSTRM, 0o755);
  put('DEBIAN/control', control(version, architecture));
  const target = join(build, `wiregui_${version.replace('-', '~')}_${architecture}.deb`);
  const touch = spawnSync('find', [tree, '-exec', 'touch', '-h', '-d', `@${environment.SOURCE_DATE_EPOCH}`, '{}', '+']);
  const { status } = spawnSync('dpkg-deb', ['--root-owner-group', '-Zzstd', '-z12', '--build', tree, target], {
    env: environment,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0 || touch.status !== 0) throw new Error('dpkg-deb failed');
  rmSync(tree, { recursive: true });
  return target;
}

const SETTINGS = `# What the service and the command line are started with; the README lists all variables.
WG_DATA_DIR=/var/lib/wiregui
WG_NETWORK_STATE_DIR=/var/lib/wiregui/network
WG_PORT=13000
#WG_EXTERNAL_URL=https://vpn.example.com
`;

const POSTINST = `#!/bin/sh
set -e
if [ "$1" = configure ]; then
  adduser --system --group --quiet --home /var/lib/wiregui --no-create-home wiregui
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl restart systemd-modules-load.service systemd-sysctl.service || true
    systemctl enable -q wiregui.service wiregui-network.service
    systemctl restart wiregui.service
    echo "The code for the first sign-in: journalctl -u wiregui -o cat | grep code"
  fi
fi
`;

const PRERM = `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl disable -q --now wiregui.service wiregui-network.service
fi
`;

// Tunnels and rules outlive the service, but not the package.
const POSTRM = `#!/bin/sh
set -e
if [ "$1" = remove ]; then
  ip link del wg-wiregui 2>/dev/null || true
  nft delete table inet wiregui 2>/dev/null || true
fi
if [ "$1" = purge ]; then
  rm -rf /var/lib/wiregui /var/cache/wiregui
fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
`;

function control(version, architecture) {
  return `Package: wiregui
Version: ${version.replace('-', '~')}
Architecture: ${architecture}
Maintainer: WireGUI <wiregui@localhost>
Depends: ${DEPENDS}
Section: net
Priority: optional
Description: WireGuard VPN server with web pages, REST API and firewall
 People enrol their own devices in the browser; administrators decide what they reach.
`;
}

/** The box's unit without what only the box has. */
function serviceUnit(file) {
  return withoutBox(readFileSync(file, 'utf8')).replace(/^After=.*$/m, 'After=network-pre.target wiregui-network.service systemd-sysctl.service');
}

function networkUnit(file) {
  return withoutBox(readFileSync(file, 'utf8'))
    .replace(/^After=.*$/m, 'After=local-fs.target systemd-modules-load.service systemd-sysctl.service')
    .replace('/usr/lib/wiregui/box/', '/usr/lib/wiregui/');
}

function withoutBox(unit) {
  return unit.replace(/^(Requires=box-.*|ConditionPathExists=!\/run\/box.*|ReadWritePaths=\/run\/box.*|Documentation=.*)\n/gm, '');
}
