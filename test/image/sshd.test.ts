import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRootSide, type RootSide } from '../support/root-side.ts';

/** The image's own sshd_config, started on the port that it has, in namespaces of its own, and OpenSSH's client. */
const START = `
ip link set lo up
mkdir -p /run/sshd /root
# The image's root has no password and is not locked, whatever this machine's is.
sed 's/^root:[^:]*:/root:*:/' /etc/shadow >/mnt/shadow
mount --bind /mnt/shadow /etc/shadow
/usr/sbin/sshd -D -e -f /mnt/sshd_config 2>/mnt/sshd.log &
server=$!
trap 'kill $server' EXIT
for _ in $(seq 50); do [ -z "$(ss -Hltn 'sport = :22')" ] || break; sleep 0.1; done
given='-F none -n -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/mnt/known -o LogLevel=ERROR'
come() { timeout 10 ssh $given "$@" 2>&1 || echo "exit $?"; }
`;

describe('access to the box by SSH', () => {
  let root: RootSide;
  beforeEach(async () => {
    root = createRootSide();
    await root.shell(`cd /mnt; for name in own other; do ssh-keygen -q -t ed25519 -N '' -C $name -f $name; done; ssh-keygen -q -t rsa -b 2048 -N '' -f small`);
    const key = await root.shell('cat /mnt/own.pub');
    expect(await root.request('ssh', `on\n${key}`)).toEqual(['done']);
  });
  afterEach(() => root[Symbol.dispose]());

  const lines = async (script: string) => (await root.shell(START + script)).trimEnd().split('\n');

  it('lets in root with the key, under the host key that the page shows, also to copy files', async () => {
    const [who, known, copied] = await lines(`
      come -i /mnt/own root@127.0.0.1 id -un
      ssh-keygen -l -f /mnt/known | cut -d ' ' -f 2
      echo 'get /mnt/own.pub /mnt/copied' | timeout 10 sftp \${given/-n/} -b - -i /mnt/own root@127.0.0.1 >/dev/null; cat /mnt/copied
    `);
    expect(await root.request('ssh-state')).toContain(`host=${known}`);
    expect([who, copied]).toEqual(['root', expect.stringMatching(/^ssh-ed25519 .* own$/)]);
  });

  it.each([
    ['another key', '-i /mnt/other root@127.0.0.1'],
    ['a password', '-o PubkeyAuthentication=no -o PreferredAuthentications=password,keyboard-interactive root@127.0.0.1'],
    ['nothing', '-o PubkeyAuthentication=no -o PreferredAuthentications=none,hostbased root@127.0.0.1'],
    ['the name of somebody else', '-i /mnt/own nobody@127.0.0.1'],
  ])('refuses %s', async (_, options) => {
    const [said, exit] = await lines(`come ${options} id -un`);
    expect([said, exit]).toEqual([expect.stringMatching(/Permission denied \(publickey\)/), 'exit 255']);
  });

  it('refuses an RSA key that is too short, wherever it comes from', async () => {
    const [said] = await lines('cat /mnt/small.pub >>/data/box/ssh/authorized_keys; come -i /mnt/small root@127.0.0.1 id -un');
    expect(said).toMatch(/Permission denied/);
  });

  it('passes nothing on: no port, no socket, no agent, no network', async () => {
    const said = await lines(`
      come -i /mnt/own -W 127.0.0.1:22 root@127.0.0.1
      come -i /mnt/own -o ExitOnForwardFailure=yes -R 8022:127.0.0.1:22 root@127.0.0.1 echo forwarded
      come -i /mnt/own -o ExitOnForwardFailure=yes -R /mnt/socket:127.0.0.1:22 root@127.0.0.1 echo forwarded
      come -i /mnt/own -o ExitOnForwardFailure=yes -w any root@127.0.0.1 echo forwarded
      eval $(ssh-agent) >/dev/null
      come -i /mnt/own -o IdentityAgent=SSH_AUTH_SOCK -A root@127.0.0.1 'echo "agent ($SSH_AUTH_SOCK)"'
      ssh-agent -k >/dev/null
      come -i /mnt/own -X root@127.0.0.1 'echo "display ($DISPLAY)"'
    `);
    expect(said.filter((line) => line.includes('forwarded'))).toEqual([]);
    expect(said.filter((line) => /^exit 255$/.test(line)).length).toBe(4);
    for (const line of ['agent ()', 'display ()']) expect(said).toContain(line);
  });

  it('takes no environment and runs no script of the user’s', async () => {
    const said = await lines(`LD_PRELOAD=/x EVIL=1 come -i /mnt/own -o 'SendEnv=LD_PRELOAD EVIL' root@127.0.0.1 'echo "($EVIL$LD_PRELOAD)"'`);
    expect(said.at(-1)).toBe('()');
  });

  it('lets nobody in whose key was taken away', async () => {
    await root.request('ssh', `on\n${await root.shell('cat /mnt/other.pub')}`);
    expect(await lines('come -i /mnt/other root@127.0.0.1 id -un')).toEqual(['root']);
    expect((await lines('come -i /mnt/own root@127.0.0.1 id -un'))[0]).toMatch(/Permission denied/);
  });
});
