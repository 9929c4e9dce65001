import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { apiOf, type TestApi } from '../../support/api.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { createAppliance, type FakeAppliance } from '../../support/appliance.ts';

const HERE = '/admin/system/ssh';
const HOST = 'SHA256:tS2P3qmQpuFjJbPCDAJNjpZxT1gFoDLuFVYjHVBlXbs';

/** As RFC 4251 writes a string. */
const field = (content: string | Buffer) => {
  const bytes = Buffer.from(content as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const keyOf = (type: string, ...fields: (string | Buffer)[]) => `${type} ${Buffer.concat([type, ...fields].map(field)).toString('base64')}`;

describe('access to the box by SSH', () => {
  let folder: string;
  const keys: Record<string, string> = {};
  const prints: Record<string, string> = {};
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'wiregui-keys-'));
    const kinds = { ed: ['ed25519'], other: ['ed25519'], p256: ['ecdsa', '256'], p384: ['ecdsa', '384'], p521: ['ecdsa', '521'], rsa: ['rsa', '3072'] };
    for (const [name, [type = '', bits]] of Object.entries({ ...kinds, small: ['rsa', '2048'] })) {
      const file = join(folder, name);
      execFileSync('ssh-keygen', ['-q', '-t', type, ...(bits ? ['-b', bits] : []), '-N', '', '-C', `${name}@laptop`, '-f', file]);
      keys[name] = readFileSync(`${file}.pub`, 'utf8').trim();
      prints[name] = execFileSync('ssh-keygen', ['-l', '-f', file], { encoding: 'utf8' });
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  let appliance: FakeAppliance;
  let box: TestApp;
  let admin: TestBrowser;
  let api: TestApi;
  let kept: { isOn: boolean; keys: string[]; unit: string; host: string };
  beforeEach(async () => {
    appliance = createAppliance();
    kept = { isOn: false, keys: [], unit: 'inactive', host: '' };
    appliance.verbs['ssh-state'] = () => [
      `on=${kept.isOn ? 'yes' : 'no'}`,
      `unit=${kept.unit}`,
      ...(kept.host ? [`host=${kept.host}`] : []),
      ...kept.keys.map((key) => `key=${key}`),
    ];
    appliance.verbs['ssh'] = (content) => {
      const [state, ...lines] = content.trimEnd().split('\n');
      const isOn = state === 'on';
      kept = { isOn, keys: lines, unit: isOn ? 'active' : 'inactive', host: isOn ? HOST : kept.host };
      return [];
    };
    box = await createTestApp({ env: appliance.env });
    admin = await box.signedIn();
    api = await apiOf(box);
  });
  afterEach(async () => {
    await box[Symbol.asyncDispose]();
    appliance[Symbol.dispose]();
  });

  const ed = () => keys['ed'] ?? '';
  const add = (key = ed()) => api.call('POST', '/system/ssh/keys', { key });
  const state = async () => (await api.call('GET', '/system/ssh')).body;
  const actions = async (limit: number) =>
    (await api.call('GET', `/audit?limit=${limit}`)).body.map(({ action, changes }: { action: string; changes: object }) => ({ action, changes }));

  it('is off on a new box, and is not switched on while nobody could come in', async () => {
    const { text } = await admin.get(HERE);
    for (const shown of ['>off<', 'is root on this box', 'It can be switched on once there is a key']) expect(text).toContain(shown);
    expect(text).not.toContain('Switch SSH on');
    expect((await admin.get(`${HERE}/on`)).location).toBe(HERE);
    expect((await admin.post(`${HERE}/on`)).status).toBe(409);
    expect((await api.call('PUT', '/system/ssh', { enabled: true })).status).toBe(409);
    expect(await state()).toEqual({ enabled: false, running: false, host_fingerprint: null, keys: [] });
    expect(appliance.asked).toEqual([]);
  });

  it('is given a key, switched on after a warning, shows the key of the box, and is switched off', async () => {
    expect((await admin.post(HERE, { key: `\r\n${ed()}\r\n` })).status).toBe(303);
    expect((await admin.get(`${HERE}/on`)).text).toContain('is root on this box');
    expect(kept.isOn).toBe(false);
    expect((await admin.post(`${HERE}/on`)).location).toBe(HERE);
    expect(appliance.asked).toEqual([`ssh off\n${ed()}`, `ssh on\n${ed()}`]);
    const { text } = await admin.get(HERE);
    for (const shown of ['SSH is on.', HOST, 'ssh root@wiregui.local', 'ed@laptop', 'Ed25519', prints['ed']?.split(' ')[1] ?? ''])
      expect(text).toContain(shown);
    expect(text).not.toContain('does not run');
    kept.unit = 'failed';
    expect((await admin.get(HERE)).text).toContain('its server does not run');
    expect((await admin.post(`${HERE}/off`)).location).toBe(HERE);
    expect([kept.isOn, kept.keys]).toEqual([false, [ed()]]);
    const { type, fingerprint, comment } = { type: 'ssh-ed25519', fingerprint: prints['ed']?.split(' ')[1], comment: 'ed@laptop' };
    expect((await actions(3)).toReversed()).toEqual([
      { action: 'system.ssh-key-added', changes: { type, fingerprint, comment } },
      { action: 'system.ssh-enabled', changes: {} },
      { action: 'system.ssh-disabled', changes: {} },
    ]);
  });

  it('reads keys as ssh-keygen does, of every type that may come in', async () => {
    const point = keys['p256']?.split(' ')[1] ?? '';
    const security = [
      keyOf('sk-ssh-ed25519@openssh.com', Buffer.alloc(32, 7), 'ssh:'),
      keyOf('sk-ecdsa-sha2-nistp256@openssh.com', 'nistp256', Buffer.from(point, 'base64').subarray(-65), 'ssh:'),
    ];
    for (const name of ['ed', 'p256', 'p384', 'p521', 'rsa']) {
      const { status, body } = await add(keys[name]);
      const [bits, fingerprint, comment] = prints[name]?.split(' ') ?? [];
      expect([status, body.keys.at(-1)]).toEqual([201, expect.objectContaining({ bits: Number(bits), fingerprint, comment })]);
    }
    for (const key of security) expect((await add(`${key} YubiKey #1 "blue"`)).body.keys.at(-1)).toMatchObject({ comment: 'YubiKey #1 "blue"', bits: 256 });
    const { text } = await admin.get(HERE);
    for (const shown of ['RSA, 3072 bits', 'ECDSA, 521 bits', 'Ed25519, security key', 'ECDSA, 256 bits, security key', 'YubiKey #1 &quot;blue&quot;'])
      expect(text).toContain(shown);
    expect(kept.keys).toHaveLength(7);
  });

  it('refuses what is no key, has options, is too weak, or could be more than one line, and says why', async () => {
    const [type = '', blob = ''] = ed().split(' ');
    const bytes = Buffer.from(blob, 'base64');
    const reasons: [string, RegExp][] = [
      [`command="id" ${ed()}`, /options are not taken/],
      [`no-pty ${ed()}`, /options are not taken/],
      [`${ed()}\n${keys['other']}`, /one line/],
      [`${ed()}\r\nssh-rsa x`, /one line/],
      [keys['small'] ?? '', /3072 to 8192 bits/],
      [keyOf('ssh-rsa', Buffer.from([1, 0, 1]), Buffer.alloc(1_025, 255)), /3072 to 8192 bits/],
      [keyOf('ssh-dss', 'x'), /one of these types/],
      [keyOf('ssh-ed25519-cert-v01@openssh.com', 'x'), /one of these types/],
      [`${type} ${blob} ${'x'.repeat(101)}`, /at most 100 plain characters/],
      [`${type} ${blob} Zoë`, /at most 100 plain characters/],
      [`${type} ${blob} a\u0007b`, /at most 100 plain characters/],
      ...[
        ...['', 'x', type, `${type} `, `${type} AAAA`, `ssh-rsa ${blob}`, blob, `__proto__ ${blob}`, 'x'.repeat(20_000)],
        ...[bytes.subarray(0, -1), Buffer.concat([bytes, field('')]), Buffer.concat([bytes, Buffer.from([0])])].map(
          (each) => `${type} ${each.toString('base64')}`,
        ),
        ...[`${type} ${blob.slice(0, -1)}`, `${type} ${blob}=`, `${type}  ${blob}`],
        ...['constructor', 'toString', 'hasOwnProperty'].map((type) => keyOf(type, 'x')),
        keyOf('ssh-ed25519', Buffer.alloc(31)),
        `ssh-ed25519 ${Buffer.concat([field('ssh-ed25518'), field(Buffer.alloc(32))]).toString('base64')}`,
        keyOf('ssh-rsa', Buffer.from([1, 0, 1])),
        keyOf('ecdsa-sha2-nistp256', 'nistp384', Buffer.alloc(65, 4)),
        keyOf('ecdsa-sha2-nistp256', 'nistp256', Buffer.alloc(65, 3)),
        keyOf('ecdsa-sha2-nistp256', 'nistp256', Buffer.alloc(97, 4)),
        keyOf('ecdsa-sha2-nistp256', 'nistp256', Buffer.alloc(65, 4), 'x'),
        keyOf('sk-ssh-ed25519@openssh.com', Buffer.alloc(32)),
        keyOf('sk-ecdsa-sha2-nistp256@openssh.com', 'nistp256', Buffer.alloc(65, 4)),
        keyOf('sk-ecdsa-sha2-nistp256@openssh.com', 'nistp256', Buffer.alloc(65, 4), 'ssh:', 'x'),
        keyOf('sk-ssh-ed25519@openssh.com', Buffer.alloc(32), 'ssh:', 'x'),
      ].map((key): [string, RegExp] => [key, /must be the line of a public key/]),
    ];
    for (const [key, why] of reasons) {
      const { status, body } = await add(key);
      expect([key.slice(0, 200), status, body.errors?.key?.join()]).toEqual([key.slice(0, 200), 422, expect.stringMatching(why)]);
    }
    const answer = await admin.post(HERE, { key: 'command="<b>" x' });
    expect([answer.status, answer.text.includes('command=&quot;&lt;b&gt;&quot;'), answer.text.includes('field-key-error')]).toEqual([422, true, true]);
    expect([kept.keys, appliance.asked]).toEqual([[], []]);
  });

  it('does not show, send on or write down a private key that somebody brings by mistake', async () => {
    for (const secret of [readFileSync(join(folder, 'ed'), 'utf8'), 'PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\nsecretsecret']) {
      const answer = await admin.post(HERE, { key: secret });
      expect([answer.status, answer.text.includes('is a private key')]).toEqual([422, true]);
      for (const line of secret.trim().split('\n').slice(1)) expect(answer.text).not.toContain(line);
    }
    expect(appliance.asked).toEqual([]);
    expect((await actions(1))[0].action).not.toContain('ssh');
  });

  it('takes a key once, whatever its comment, and twenty of them at most', async () => {
    await add();
    const again = await add(`${ed().split(' ').slice(0, 2).join(' ')} another name`);
    expect([again.status, again.body.errors.key]).toEqual([422, ['is there already, as ed@laptop']]);
    for (let index = 1; index < 20; index += 1) expect((await add(keyOf('ssh-ed25519', Buffer.alloc(32, index)))).status).toBe(201);
    expect((await add(keys['rsa'])).body.errors.key).toEqual([expect.stringContaining('there are 20 keys')]);
    expect(kept.keys).toHaveLength(20);
  });

  it('loses no key when two come at once', async () => {
    await Promise.all([add(), add(keys['other']), add(keys['rsa'])]);
    expect(kept.keys).toHaveLength(3);
  });

  it('takes a key back after asking, but not the last one while it is on', async () => {
    await add();
    await add(keys['other']);
    await api.call('PUT', '/system/ssh', { enabled: true });
    expect((await add(keys['rsa'])).body.enabled).toBe(true);
    await api.call('DELETE', `/system/ssh/keys/${(await state()).keys[2].id}`);
    const [first, second] = (await state()).keys;
    const question = await admin.get(`${HERE}/keys/${first.id}/delete`);
    expect(question.text).toContain('Delete the key ed@laptop? All sessions of SSH end.');
    expect((await admin.post(`${HERE}/keys/${first.id}/delete`)).status).toBe(303);
    expect([kept.isOn, kept.keys]).toEqual([true, [keys['other']]]);
    expect((await actions(1))[0]).toMatchObject({ action: 'system.ssh-key-removed', changes: { comment: 'ed@laptop' } });
    expect((await api.call('DELETE', `/system/ssh/keys/${second.id}`)).status).toBe(409);
    expect((await admin.post(`${HERE}/keys/${second.id}/delete`)).status).toBe(409);
    await api.call('PUT', '/system/ssh', { enabled: false });
    expect((await api.call('DELETE', `/system/ssh/keys/${second.id}`)).body.keys).toEqual([]);
    for (const id of [second.id, '..%2f..', 'x']) {
      expect((await api.call('DELETE', `/system/ssh/keys/${id}`)).status).toBe(404);
      expect((await admin.get(`${HERE}/keys/${id}/delete`)).status).toBe(404);
    }
  });

  it('passes on why the box refuses, and takes nothing from it that is no key', async () => {
    appliance.verbs['ssh'] = () => {
      throw new Error('this is no key');
    };
    expect((await admin.post(HERE, { key: ed() })).text).toContain('this is no key');
    kept.keys = ['<script>alert(1)</script>', `command="x" ${ed()}`, ed()];
    expect((await state()).keys).toHaveLength(1);
    expect((await admin.get(HERE)).text).not.toContain('<script>alert');
  });

  it('is for administrators alone', async () => {
    await api.call('POST', '/users', { email: 'bob@example.com', password: 'a password for bob' });
    const who = { email: 'bob@example.com', password: 'a password for bob' };
    const [bob, bobsApi] = [await box.signedIn(who), await apiOf(box, who)];
    await add();
    const [{ id }] = (await state()).keys;
    for (const path of ['', '/on', `/keys/${id}/delete`]) expect((await bob.get(HERE + path)).status, path).toBe(403);
    for (const path of ['', '/on', '/off', `/keys/${id}/delete`]) expect((await bob.post(HERE + path, { key: keys['other'] ?? '' })).status, path).toBe(403);
    expect((await bobsApi.call('GET', '/system/ssh')).status).toBe(403);
    expect((await bobsApi.call('PUT', '/system/ssh', { enabled: true })).status).toBe(403);
    expect((await bobsApi.call('POST', '/system/ssh/keys', { key: keys['other'] })).status).toBe(403);
    expect((await bobsApi.call('DELETE', `/system/ssh/keys/${id}`)).status).toBe(403);
    expect([kept.isOn, kept.keys]).toEqual([false, [ed()]]);
  });
});
