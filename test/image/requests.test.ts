import { existsSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
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
    expect(root.calls()).toEqual(['systemctl --no-block reboot', 'systemctl --no-block poweroff', 'systemctl --no-block reboot']);
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
});
