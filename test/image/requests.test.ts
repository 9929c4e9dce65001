import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRootSide, type RootSide } from '../support/root-side.ts';

/** What somebody who has taken over the service might write into any field. */
const HOSTILE = [
  '$(touch /mnt/owned)',
  '`touch /mnt/owned`',
  '; touch /mnt/owned',
  'a\nb',
  '../../etc/passwd',
  '-x',
  "'",
  '"',
  'a b',
  '*',
  '\\',
  'ü',
  'x'.repeat(70_000),
];

const IMAGE = join(import.meta.dirname, '..', '..', 'image', 'root');

describe('the root side of the box', () => {
  let root: RootSide;
  beforeEach(() => {
    root = createRootSide();
  });
  afterEach(() => root[Symbol.dispose]());

  const at = (path: string) => join(root.folder, path);
  const read = (path: string) => readFileSync(at(path), 'utf8').trimEnd();
  const refuses = async (verb: string, content: string) => {
    expect([content.slice(0, 40), (await root.request(verb, content)).at(-1)]).toEqual([content.slice(0, 40), 'failed']);
    expect(existsSync(at('owned'))).toBe(false);
  };

  it('does nothing for requests it does not know, links, pipes and folders, and leaves none behind', async () => {
    const requests = at('run/box/requests');
    writeFileSync(at('data/secret'), 'nobody reads this');
    symlinkSync('/data/secret', join(requests, 'name.1'));
    for (const name of ['unknown.1', 'reboot', 'reboot.UPPER', 'reboot.a b', '$(id).1', '-rf.1', 'RE.1', 'reboot.1;id', `reboot.${'x'.repeat(65)}`])
      writeFileSync(join(requests, name), '');
    await root.shell(
      'mkfifo /run/box/requests/time.2; mkdir -p /run/box/requests/reboot.3/x; ln -s /dev/zero /run/box/requests/bundle.4; /usr/lib/wiregui/box/request',
    );
    expect(readdirSync(requests)).toEqual([]);
    expect(read('calls')).not.toContain('reboot --');
    for (const answer of readdirSync(at('run/box/answers'))) expect(read(`run/box/answers/${answer}`)).not.toContain('nobody reads this');
    expect(existsSync(at('data/box/hostname'))).toBe(false);
  });

  it('reboots, shuts down, and erases only what was asked for in so many words', async () => {
    expect(await root.request('reboot')).toEqual(['done']);
    expect(await root.request('poweroff')).toEqual(['done']);
    for (const content of ['', 'yes', 'erase-everything\nx', ...HOSTILE]) await refuses('factory-reset', content);
    expect(existsSync(at('data/.factory-reset'))).toBe(false);
    expect((await root.request('factory-reset', 'erase-everything')).at(-1)).toBe('done');
    expect(existsSync(at('data/.factory-reset'))).toBe(true);
    const later = 'systemd-run --quiet --collect --on-active=1s --timer-property=AccuracySec=100ms systemctl --no-block';
    expect(root.calls()).toEqual([`${later} reboot`, `${later} poweroff`, `${later} reboot`]);
  });

  it('takes a name that is one, and is called so at once and after the next start', async () => {
    for (const content of ['', 'a.b', 'Upper', '123', 'localhost', '-a', 'a-', 'x'.repeat(64), ...HOSTILE]) await refuses('name', content);
    expect(await root.request('name', 'office-vpn')).toEqual(['done']);
    expect(read('data/box/hostname')).toBe('office-vpn');
    expect(await root.shell('/usr/lib/wiregui/box/settings; cat /proc/sys/kernel/hostname /run/box/url /run/box/environment')).toBe(
      'office-vpn\nhttps://office-vpn.local\nWG_EXTERNAL_URL=https://office-vpn.local\n',
    );
  });

  it('takes a time zone that it has, and time servers', async () => {
    for (const hostile of [...HOSTILE, 'Mars/Olympus', '', 'zone.tab', 'Europe', 'tzdata.zi']) await refuses('time', `${hostile}\n\n`);
    for (const hostile of [...HOSTILE, 'a b c d e']) if (hostile !== 'a b' && hostile !== 'a\nb') await refuses('time', `UTC\n${hostile}\n`);
    await refuses('time', 'UTC\na\nb\n');
    expect(existsSync(at('data/box/timezone'))).toBe(false);
    expect(await root.request('time', 'Europe/Zurich\nntp.example.com 2001:db8::1\n')).toEqual(['done']);
    expect(readlinkSync(at('run/box/localtime'))).toBe('/usr/share/zoneinfo/Europe/Zurich');
    expect(read('run/systemd/timesyncd.conf.d/box.conf')).toBe('[Time]\nNTP=ntp.example.com 2001:db8::1');
    expect(root.calls()).toEqual(['systemctl --no-block try-restart systemd-timesyncd.service']);
    expect((await root.request('time', 'UTC\n\n')).at(-1)).toBe('done');
    expect(read('run/systemd/timesyncd.conf.d/box.conf')).toBe('');
  });

  it('says what runs', async () => {
    root.stub('rauc', `echo '{"slots":[]}'`);
    const lines = await root.request('status');
    for (const line of ['version=0.2.0', 'timezone=UTC', 'synchronised=no', 'rauc={"slots":[]}']) expect(lines).toContain(line);
  });

  it('says what a bundle is when its signature is good, and why not when it is not', async () => {
    const bundle = at('var/cache/wiregui/update.raucb');
    expect(await root.request('bundle')).toEqual(['done']);
    symlinkSync('/data/secret', bundle);
    expect((await root.request('bundle')).at(-1)).toBe('failed');
    expect((await root.request('update')).at(-1)).toBe('failed');
    await root.shell('rm /var/cache/wiregui/update.raucb; echo x >/var/cache/wiregui/update.raucb');
    root.stub('rauc', `printf '{"compatible":"wiregui-x86-64","version":"0.1.9",\\n"description":"\\\\"version\\\\":\\\\"9.9.9\\\\""}'`);
    expect(await root.request('bundle')).toEqual([
      `info={"compatible":"wiregui-x86-64","version":"0.1.9","description":"\\"version\\":\\"9.9.9\\""}`,
      'older=yes',
      'done',
    ]);
    root.stub('rauc', 'echo "loading" >&2; echo "signature verification failed: self-signed certificate" >&2; exit 1');
    expect(await root.request('bundle')).toEqual(['signature verification failed: self-signed certificate', 'failed']);
  });

  it('installs a bundle, an older one only when that was said', async () => {
    writeFileSync(at('var/cache/wiregui/update.raucb'), 'x');
    root.stub('rauc', '[ -e /run/box/allow-older ] && echo older allowed; echo " 40% Copying"');
    for (const content of HOSTILE) await refuses('update', content);
    expect(await root.request('update')).toEqual([' 40% Copying', 'done']);
    writeFileSync(at('var/cache/wiregui/update.raucb'), 'x');
    expect(await root.request('update', 'allow-older')).toEqual(['older allowed', ' 40% Copying', 'done']);
    expect(existsSync(at('run/box/allow-older'))).toBe(false);
  });

  const NETWORK = {
    ...{ layout: 'two', wan: 'enp1s0', method: 'static', address: '192.0.2.5/24', gateway: '192.0.2.1', dns: '192.0.2.1 2001:db8::1' },
    ...{ address6: '2001:db8::5/64', gateway6: 'fe80::1', lan: 'enp2s0', lanAddress: '192.168.7.1/24', dhcpServer: 'yes', nat: 'yes' },
  };
  const network = (change: Partial<typeof NETWORK> = {}) =>
    Object.entries({ ...NETWORK, ...change })
      .map(([name, value]) => `${name}=${value}\n`)
      .join('');
  const uplink = () => read('run/systemd/network/10-box-uplink.network');

  it('tries a network, takes it back by itself or by a new start, and keeps it once confirmed', async () => {
    expect(await root.request('network', network())).toEqual(['done']);
    expect(root.calls()).toEqual(['systemctl restart box-network-revert.timer', 'networkctl reload']);
    for (const line of ['Name=enp1s0', 'Address=192.0.2.5/24', 'Gateway=192.0.2.1', 'DNS=2001:db8::1', 'Gateway=fe80::1']) expect(uplink()).toContain(line);
    expect(read('run/systemd/network/10-box-lan.network')).toContain('DHCPServer=yes');
    expect(await root.request('network', network())).toEqual(['another change waits to be confirmed', 'failed']);
    expect((await root.request('network-state')).find((line) => line.startsWith('secondsLeft'))).toMatch(/=1[12]\d$/);
    // As the timer does.
    await root.shell('/usr/lib/wiregui/box/requests/network-revert');
    expect(readdirSync(at('run/systemd/network'))).toEqual([]);
    expect((await root.request('network-confirm')).at(-1)).toBe('failed');

    await root.request('network', network({ layout: 'one', method: 'dhcp' }));
    expect(await root.request('network-confirm')).toEqual(['done']);
    await root.request('network', network());
    // A new start: what is in /run is gone.
    await root.shell('rm -r /run/box/network.trial /run/systemd/network; /usr/lib/wiregui/box/network boot');
    expect([uplink().includes('DHCP=yes'), uplink().includes('IPv4LLStartAddress=169.254.77.77')]).toEqual([true, true]);
    expect(readdirSync(at('run/systemd/network'))).toEqual(['10-box-uplink.network']);
  });

  it('says which addresses its ports have, and no more', async () => {
    root.stub(
      'ip',
      'echo "lo UNKNOWN 127.0.0.1/8"; echo "enp0s2 UP 10.0.2.15/24 metric 1024 fe80::1/64"; echo "enp0s3 DOWN "; echo "wg-wiregui UNKNOWN 10.3.2.1/24"',
    );
    expect(await root.request('network-state')).toEqual(['port=enp0s2 UP 10.0.2.15/24 fe80::1/64 ', 'port=enp0s3 DOWN ', 'done']);
  });

  it('takes nothing into a network that is not of its kind', async () => {
    for (const field of Object.keys(NETWORK))
      for (const hostile of [
        ...HOSTILE,
        ...(field === 'lan' ? ['enp1s0', 'lo', 'wg-wiregui', 'wg0', '../x'] : ['256.1.1.1', '1.2.3.4/33', 'fe80::1%x', '127.0.0.1/8']),
      ])
        await refuses('network', network({ [field]: hostile }));
    for (const content of ['', 'layout=one\n', `${network()}x=y\n`, network().replace('wan=', 'layout='), network().replace('wan=', 'net[x]=')])
      await refuses('network', content);
    for (const address of ['0.1.2.3/24', '224.0.0.1/24', '10.0.0.1/31', '10.0.0.1', '10.0.0.300/24']) await refuses('network', network({ address }));
    expect(existsSync(at('run/systemd/network/10-box-uplink.network'))).toBe(false);
  });

  it('lets the network behind the box out, and nothing more than that', async () => {
    await root.request('network', network());
    const rules = await root.shell('nft -f /mnt/box.nft; /usr/lib/wiregui/box/network boot; nft list table inet box');
    for (const rule of [
      'iifname "enp2s0" udp dport 67 accept',
      'iifname "enp2s0" oifname "enp1s0" accept',
      'iifname "enp2s0" oifname "enp1s0" masquerade',
      'jump lan-input',
      'jump lan-forward',
    ])
      expect(rules).toContain(rule);
    await root.request('network-revert');
    const before = await root.shell('nft -f /mnt/box.nft; /usr/lib/wiregui/box/network boot; nft list table inet box');
    expect([before.includes('enp2s0'), before.includes('policy drop')]).toEqual([false, true]);
  });

  const keygen = async (name: string, ...options: string[]) => {
    await root.shell(`ssh-keygen -q -N '' -C ${name} -f /mnt/${name} ${options.join(' ')}`);
    return read(`${name}.pub`);
  };
  const keptKeys = () => read('data/box/ssh/authorized_keys');
  const hostKey = async () => (await root.request('ssh-state')).find((line) => line.startsWith('host='));

  it('lets keys in by SSH once it is switched on, under one host key for good, and says so', async () => {
    const [ed, ecdsa, rsa] = [await keygen('ed', '-t ed25519'), await keygen('ecdsa', '-t ecdsa -b 384'), await keygen('rsa', '-t rsa -b 3072')];
    expect(await root.request('ssh-state')).toEqual(['on=no', 'unit=', 'done']);
    expect(await root.request('ssh', `off\n${ed}\n`)).toEqual(['done']);
    expect(await root.request('ssh-state')).toEqual(['on=no', 'unit=', `key=${ed}`, 'done']);
    expect(existsSync(at('data/box/ssh/host_key'))).toBe(false);
    expect(await root.request('ssh', `on\n${ed}\n${ecdsa}\n${rsa}\n`)).toEqual(['done']);
    expect(keptKeys()).toBe([ed, ecdsa, rsa].join('\n'));
    const made = await hostKey();
    expect(made).toMatch(/^host=SHA256:[A-Za-z0-9+/]{43}$/);
    await root.request('ssh', 'off\n');
    await root.request('ssh', `on\n${rsa}\n`);
    expect([await hostKey(), keptKeys()]).toEqual([made, rsa]);
    const modes = ['ssh', 'ssh/host_key', 'ssh/authorized_keys'].map((path) => (statSync(at(`data/box/${path}`)).mode & 0o777).toString(8));
    expect([modes, readdirSync(at('data/box/ssh')).sort()]).toEqual([
      ['700', '600', '600'],
      ['authorized_keys', 'host_key', 'on'],
    ]);
  });

  it('ends the sessions of SSH when it is switched off or a key goes, and only then', async () => {
    const [one, two] = [await keygen('one', '-t ed25519'), await keygen('two', '-t ed25519')];
    const asked = async (content: string) => {
      await root.shell(': >/mnt/calls');
      await root.request('ssh', content);
      return root.calls();
    };
    expect(await asked(`on\n${one}\n`)).toEqual(['systemctl start box-ssh.service']);
    expect(await asked(`on\n${one}\n${two}\n`)).toEqual(['systemctl start box-ssh.service']);
    expect(await asked(`on\n${two.replace('two', 'renamed')}\n${one}\n`)).toEqual(['systemctl start box-ssh.service']);
    expect(await asked(`on\n${two}\n`)).toEqual(['systemctl restart box-ssh.service']);
    expect(await asked(`off\n${two}\n`)).toEqual(['systemctl stop box-ssh.service']);
    expect(existsSync(at('data/box/ssh/on'))).toBe(false);
  });

  it('lets nobody in by SSH with anything but a key that is one', async () => {
    const ed = await keygen('ed', '-t ed25519');
    const [type = '', blob = ''] = ed.split(' ');
    const small = await keygen('small', '-t rsa -b 2048');
    // 16,384 bits, which is more than a line of the request holds.
    const parts = [Buffer.from('ssh-rsa'), Buffer.from([1, 0, 1]), Buffer.alloc(2_048, 0x7f)];
    const huge = Buffer.concat(parts.flatMap((part) => [Buffer.from([0, 0, part.length >> 8, part.length & 255]), part])).toString('base64');
    const others = [
      ...HOSTILE,
      `ssh-rsa ${huge}`,
      ...['command="touch /mnt/owned" ', 'no-pty,', 'environment="LD_PRELOAD=/mnt/x" ', 'from="*" ', ' ', '\t', '# '].map((before) => `${before}${ed}`),
      ...[`ssh-rsa ${blob}`, `${type} ${blob.slice(0, -4)}`, `${type} ${blob}AAAA`, `${type} AAAA`, `${type}  ${blob}`, type, `${type} ${blob}\t`, small],
      ...[`${ed}\u0001`, `${ed}\u001b[2J`, `${type} ${blob} ${'x'.repeat(101)}`, `${type} ${blob} ü`, `${type} ${'A'.repeat(2_000)}`],
      ...['ssh-dss AAAAB3NzaC1kc3MAAACB', 'ssh-ed25519-cert-v01@openssh.com AAAA', 'cert-authority ', '@cert-authority * '].map(
        (before) => `${before} ${blob}`,
      ),
    ];
    for (const [index, other] of others.entries()) await refuses('ssh', index % 2 ? `on\n${other}\n` : `off\n${ed}\n${other}\n`);
    for (const content of ['', 'on', 'on\n', 'yes\n', 'On\n', `on \n${ed}\n`, `${ed}\n`, `on\n${ed}\n\n`, `on\n${ed}\n${ed} again\n`])
      await refuses('ssh', content);
    expect(existsSync(at('data/box/ssh'))).toBe(false);
    expect(root.calls()).toEqual(['']);
  });

  it('takes twenty keys for SSH and no more', async () => {
    const keys: string[] = [];
    for (let index = 0; index < 21; index += 1) keys.push(await keygen(`k${index}`, '-t ed25519'));
    await refuses('ssh', `on\n${keys.join('\n')}\n`);
    expect(await root.request('ssh', `on\n${keys.slice(1).join('\n')}\n`)).toEqual(['done']);
  });

  it('opens the port of SSH while it is on, to the network of the box and to no tunnel', async () => {
    const key = await keygen('key', '-t ed25519');
    const chain = (how = 'boot') => root.shell(`nft -f /mnt/box.nft; /usr/lib/wiregui/box/network ${how}; nft list chain inet box ssh`);
    expect(await chain()).not.toContain('jump');
    await root.request('ssh', `on\n${key}\n`);
    expect(await chain('rules')).toContain('iifname != "wg-wiregui" jump web');
    await root.request('network', network());
    expect(await chain()).toContain('iifname "enp2s0" jump web');
    expect(await chain()).not.toContain('wg-wiregui');
    await root.request('network-revert');
    expect(await chain()).toContain('iifname != "wg-wiregui" jump web');
    await root.request('ssh', `off\n${key}\n`);
    expect(await chain()).not.toContain('jump');
    // At once, too.
    writeFileSync(at('run/box/requests/ssh.1'), `on\n${key}\n`);
    expect(await root.shell('nft -f /mnt/box.nft; /usr/lib/wiregui/box/request >/dev/null; nft list chain inet box ssh')).toContain('jump web');
    expect(await root.shell('nft -f /mnt/box.nft; nft list chain inet box input')).toContain('tcp dport 22 jump ssh');
  });

  it('leaves the network alone when only SSH is switched', async () => {
    await root.request('network', network());
    await root.request('network-confirm');
    const file = () => statSync(at('run/systemd/network/10-box-uplink.network')).mtimeMs;
    const before = file();
    await root.shell(': >/mnt/calls');
    await root.request('ssh', `on\n${await keygen('key', '-t ed25519')}\n`);
    expect([file(), root.calls()]).toEqual([before, ['systemctl start box-ssh.service']]);
  });

  it('leaves a line in the journal of what it is asked to do, and none of looking', async () => {
    const said = async (verb: string) => {
      writeFileSync(at(`run/box/requests/${verb}.7`), '');
      return root.shell('/usr/lib/wiregui/box/request');
    };
    for (const verb of ['status', 'logs', 'bundle', 'network-state', 'ssh-state']) expect([verb, await said(verb)]).toEqual([verb, '']);
    for (const verb of ['reboot', 'ssh', 'network-revert']) expect(await said(verb)).toBe(`<5>${verb} (7)\n`);
    expect(await said('unknown')).toBe('<4>box: not a request\n');
    const unit = readFileSync(join(IMAGE, 'usr/lib/systemd/system/box-request.service'), 'utf8');
    expect(unit).toContain('LogLevelMax=notice');
  });

  it('reads the journal with arguments that it knows, and finds text as it is written', async () => {
    root.stub('journalctl', `printf '{"MESSAGE":"x"}\\n'`);
    const cursor = 's=0f;i=612;b=89;m=33;t=66;x=a9';
    expect(await root.request('logs', 'wiregui\n3\n1764000000\na.b $(id)\n\n')).toEqual(['{"MESSAGE":"x"}', 'done']);
    expect(await root.request('logs', `\n\n1764000000\n\n${cursor}\n`)).toEqual(['{"MESSAGE":"x"}', 'done']);
    const fixed = 'journalctl --no-pager --quiet --output=json --output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT';
    expect(root.calls()).toEqual([
      `${fixed} --unit=wiregui --priority=3 --grep=\\Qa.b $(id)\\E --case-sensitive=no --since=@1764000000 --reverse --lines=500`,
      `${fixed} --after-cursor=${cursor}`,
    ]);
    for (const [at, hostiles] of [HOSTILE, HOSTILE, HOSTILE, ['x'.repeat(101), 'a\tb', 'a\nb'], HOSTILE].entries()) {
      for (const hostile of hostiles) {
        const lines = ['wiregui', '3', '1', 'x', ''];
        lines[at] = hostile;
        await refuses('logs', `${lines.join('\n')}\n`);
      }
    }
    root.stub('journalctl', 'yes x');
    const many = await root.request('logs', '\n\n\n\ns=1\n');
    expect(many.join('\n').length).toBeLessThan(900_100);
  });
});
