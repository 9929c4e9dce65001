import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from '../../core/system/run.ts';

/** The box's real root side, in a mount namespace where the machine's /usr has the box's programs in it. Needs root. */
export interface RootSide extends Disposable {
  /** What stands in the box's folders: `/run/box`, `/data/box`, `/var/cache/wiregui`. */
  readonly folder: string;
  /** Sends a request as the service does; answers its lines, the last of which is `done` or `failed`. */
  request(verb: string, content?: string): Promise<readonly string[]>;
  /** Lets it look at what lies in the folder of requests. */
  look(): Promise<void>;
  /** Runs a line of shell there. */
  shell(line: string): Promise<string>;
  /** What the stubs of programs that need a running system were called with. */
  calls(): readonly string[];
  /** Makes a program print this and end so; `$1…` as a shell script. */
  stub(program: string, script: string): void;
}

const IMAGE = join(import.meta.dirname, '..', '..', 'image', 'root');
const STUBBED = ['systemctl', 'systemd-run', 'rauc', 'networkctl', 'journalctl'];

const ENTER = `
mount --make-rprivate /
root=$FOLDER/root
for each in bin sbin lib lib64 dev proc etc; do
  if [ -L /$each ]; then ln -sfn "$(readlink /$each)" "$root/$each"; elif [ -e /$each ]; then mkdir -p "$root/$each"; mount --rbind /$each "$root/$each"; fi
done
mount -t overlay overlay -o "lowerdir=$FOLDER/stubs:$IMAGE/usr:/usr" "$root/usr"
mount --bind "$FOLDER/run" "$root/run"
mount --bind "$FOLDER/data" "$root/data"
mount --bind "$FOLDER/var" "$root/var"
mount -t tmpfs tmpfs "$root/tmp"
mount --bind "$FOLDER" "$root/mnt"
mount --bind "$IMAGE/etc/box.nft" "$root/mnt/box.nft"
mount --bind "$IMAGE/etc/ssh/sshd_config" "$root/mnt/sshd_config"
exec chroot "$root" /bin/bash -c "$1"
`;

export function createRootSide(): RootSide {
  const folder = mkdtempSync(join(tmpdir(), 'wiregui-root-side-'));
  for (const each of ['root/usr', 'root/run', 'root/data', 'root/var', 'root/tmp', 'root/mnt', 'stubs/bin', 'stubs/lib'])
    mkdirSync(join(folder, each), { recursive: true });
  for (const each of ['run/box/requests', 'run/box/answers', 'run/systemd', 'data/box', 'var/cache/wiregui', 'var/lib/wiregui'])
    mkdirSync(join(folder, each), { recursive: true });
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  put('stubs/lib/os-release', 'IMAGE_VERSION=0.2.0\n');
  put('stubs/lib/clock-epoch', '');
  put('calls', '');
  put('box.nft', '');
  put('sshd_config', '');
  const stub = (program: string, script: string) => {
    // Some live in sbin, which is a folder of its own or the same.
    for (const place of ['bin', 'sbin']) {
      put(`stubs/${place}/${program}`, `#!/bin/bash\necho "${program} $*" >>/mnt/calls\n${script}\n`);
      chmodSync(join(folder, 'stubs', place, program), 0o755);
    }
  };
  for (const program of STUBBED) stub(program, '');

  async function shell(line: string): Promise<string> {
    const enter = ENTER.replaceAll('$FOLDER', folder).replaceAll('$IMAGE', IMAGE);
    return (await run(['unshare', '--mount', '--uts', '--net', 'bash', '-euc', enter, 'bash', line], { deadlineMs: 30_000 })).stdout;
  }
  const look = async () => void (await shell('/usr/lib/wiregui/box/request'));

  return {
    folder,
    shell,
    look,
    stub,
    async request(verb, content = '') {
      put(`run/box/requests/${verb}.1`, content);
      await look();
      const answer = readdirSync(join(folder, 'run/box/answers')).find((name) => name === '1');
      if (answer === undefined) return [];
      const lines = readFileSync(join(folder, 'run/box/answers/1'), 'utf8').trimEnd().split('\n');
      rmSync(join(folder, 'run/box/answers/1'));
      return lines;
    },
    calls: () => readFileSync(join(folder, 'calls'), 'utf8').trimEnd().split('\n'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
