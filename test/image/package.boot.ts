import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readdirSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Run, run } from '../../core/system/run.ts';
import { OWNER } from './box.ts';
import { BUILD, buildDebianPackage } from './build.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SYSTEM = ['systemd', 'systemd-sysv', 'udev', 'kmod', 'linux-image-cloud-amd64', 'initramfs-tools', 'curl'];
const LONGEST_MS = 900_000;

/** What an administrator does on a server of their own; each line `SAID <name> <answer>` is looked at below. */
const SCRIPT = `
say() { name=$1; shift; echo "SAID $name $*"; }
peers() { wg show wg-wiregui peers 2>/dev/null | wc -l; }
apt-get install -y /root/wiregui.deb >/root/apt.log 2>&1 || cat /root/apt.log
for _ in $(seq 120); do curl -sf http://127.0.0.1:13000/api/health >/root/health && break; sleep 2; done
say health "$(cat /root/health)"
say units "$(systemctl is-active wiregui.service) $(systemctl is-enabled wiregui.service wiregui-network.service | xargs)"
for _ in $(seq 30); do
  code=$(journalctl -u wiregui -o cat | sed -n 's/.*give the code \\([A-Z0-9-]*\\).*/\\1/p' | tail -n 1)
  [ -z "$code" ] || break
  sleep 2
done
say setup "$(curl -s -o /dev/null -w '%{http_code}' -H 'Sec-Fetch-Site: same-origin' --data-urlencode "code=$code" \\
  --data-urlencode 'email=${OWNER.email}' --data-urlencode 'password=${OWNER.password}' --data-urlencode endpoint=vpn.example.com \\
  --data-urlencode ipv4Network=10.3.2.0/24 --data-urlencode ipv6Network=fd00::3:2:0/120 http://127.0.0.1:13000/setup)"
owner=$(wiregui user list --json | sed -n 's/.*"id": *"\\([^"]*\\)".*/\\1/p' | head -n 1)
wiregui device create userId=$owner name=laptop >/dev/null
for _ in $(seq 30); do [ "$(peers)" = 1 ] && break; sleep 1; done
say peers "$(peers)"
say rules "$(nft list map inet wiregui sources4 | grep -c 'goto global')"
say security "$(systemd-analyze security wiregui.service --no-pager 2>/dev/null | tail -n 1 | grep -oE '[0-9]+\\.[0-9]')"
say forwarding "$(sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding | xargs)"
systemctl stop wiregui.service
say stopped "$(peers)"
ip link del wg-wiregui
nft delete table inet wiregui
systemctl restart wiregui-network.service || journalctl -u wiregui-network -o cat
say restored "$(peers) $(nft list map inet wiregui sources4 | grep -c 'goto global')"
systemctl start wiregui.service
apt-get remove -y wiregui >/root/apt.log 2>&1 || cat /root/apt.log
say removed "$(peers) $(nft list tables | grep -c wiregui) $(systemctl is-active wiregui.service) $(ls /var/lib/wiregui | grep -c 'wiregui.db$')"
apt-get purge -y wiregui >/root/apt.log 2>&1 || cat /root/apt.log
say purged "$(ls -d /var/lib/wiregui /var/cache/wiregui /etc/default/wiregui /usr/lib/wiregui 2>/dev/null | xargs)"
`;
const UNIT = `[Unit]
After=multi-user.target
[Install]
WantedBy=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash /root/script
ExecStopPost=/bin/systemctl --no-block poweroff
StandardOutput=file:/dev/ttyS0
StandardError=file:/dev/ttyS0
`;

describe('the Debian package', () => {
  it.each(['bookworm', 'trixie'])('serves, restores and goes again on a server with Debian %s', async (suite) => {
    await using scratch = await folder();
    const built = await buildDebianPackage();
    // Nothing that it does not ask for.
    const needed = (await run(['dpkg-deb', '-f', built, 'Depends'])).stdout.split(',').map((each) => each.trim().replace(/ .*/, ''));
    const tree = join(scratch.path, 'tree');
    const inTree: Run = ([program, ...args]) => run(['chroot', tree, program, ...args], { deadlineMs: LONGEST_MS });
    await run(
      [
        'env',
        ...[`BUILD=${scratch.path}`, `SOURCE=${ROOT}`, 'SOURCE_DATE_EPOCH=0'],
        join(ROOT, 'image', 'build', 'bootstrap.sh'),
        ...[suite, 'main', [...SYSTEM, ...needed].join(), tree],
      ],
      { deadlineMs: LONGEST_MS },
    );
    const [kernel = ''] = readdirSync(join(tree, 'usr/lib/modules'));
    await inTree(['update-initramfs', '-c', '-k', kernel]);
    await copyFile(built, join(tree, 'root/wiregui.deb'));
    await writeFile(join(tree, 'root/script'), SCRIPT);
    await writeFile(join(tree, 'etc/systemd/system/script.service'), UNIT);
    await inTree(['systemctl', '-q', 'enable', 'script.service']);
    const disk = join(scratch.path, 'disk');
    await run(['mke2fs', '-q', '-t', 'ext4', '-d', tree, disk, '2G'], { deadlineMs: LONGEST_MS });

    const said = await boot(disk, join(tree, 'boot', `vmlinuz-${kernel}`), join(tree, 'boot', `initrd.img-${kernel}`));
    expect(said).toEqual({
      health: expect.stringContaining('"status":"ok"'),
      units: 'active enabled enabled',
      setup: '303',
      peers: '1',
      rules: '1',
      security: expect.stringMatching(/^1\.\d$/),
      forwarding: '1 1',
      stopped: '1',
      restored: '1 1',
      removed: '0 0 inactive 1',
      purged: '',
    });
  });
});

async function folder() {
  const path = await mkdtemp(join(tmpdir(), 'wiregui-package-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** Until it switches itself off; answers what it said on its serial line. */
async function boot(disk: string, kernel: string, initrd: string): Promise<Readonly<Record<string, string>>> {
  const log = createWriteStream(join(BUILD, 'package.log'), { flags: 'a' });
  const child = spawn('qemu-system-x86_64', [
    ...[
      '-accel',
      'tcg,thread=multi,tb-size=512',
      '-cpu',
      'max',
      '-smp',
      '2',
      '-m',
      '1024',
      '-display',
      'none',
      '-serial',
      'stdio',
      '-nodefaults',
      '-no-reboot',
    ],
    ...['-kernel', kernel, '-initrd', initrd, '-append', 'root=/dev/vda rw console=ttyS0 quiet panic=1 systemd.mask=serial-getty@ttyS0.service'],
    ...['-drive', `file=${disk},if=virtio,format=raw`, '-device', 'virtio-rng-pci'],
  ]);
  const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    log.write(chunk);
    output += chunk.toString('latin1');
  });
  await once(child, 'close');
  clearTimeout(timer);
  log.end();
  const lines = stripVTControlCharacters(output).replaceAll('\r', '').split('\n');
  return Object.fromEntries(lines.map((line) => /SAID (\S+) ?(.*)$/.exec(line)).flatMap((match) => (match ? [[match[1], match[2]]] : [])));
}
