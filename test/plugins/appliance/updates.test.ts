import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownAddresses } from '../../../core/system/addresses.ts';
import { run } from '../../../core/system/run.ts';
import { apiOf, type TestApi, uploadTo } from '../../support/api.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { createAppliance, type FakeAppliance } from '../../support/appliance.ts';
import { uploadAs, uploadWhole } from '../../support/upload.ts';
import { until } from '../../support/wait.ts';

const HERE = '/admin/system/updates';

describe('updates', () => {
  let appliance: FakeAppliance;
  let box: TestApp;
  let admin: TestBrowser;
  let api: TestApi;
  let info: Record<string, string>;
  let isOlder: boolean;
  beforeEach(async () => {
    appliance = createAppliance();
    info = { version: '0.2.0', description: 'Faster <tunnels>\nand more', build: '20261125' };
    isOlder = false;
    appliance.verbs['bundle'] = () => (existsSync(appliance.bundle) ? [`info=${JSON.stringify(info)}`, `older=${isOlder ? 'yes' : 'no'}`] : []);
    appliance.verbs['update'] = () => ['installing', ' 20% Checking', '100% Installing done.'];
    box = await createTestApp({ env: appliance.env });
    admin = await box.signedIn();
    api = await apiOf(box);
  });
  afterEach(async () => {
    await box[Symbol.asyncDispose]();
    appliance[Symbol.dispose]();
  });

  const upload = (content = 'a bundle') => uploadAs(box, admin, HERE, 'bundle', content, 'wiregui.raucb');
  const state = async () => (await api.call('GET', '/system/update')).body;
  const becomes = (kind: string) => until(`the update is ${kind}`, async () => (await state()).kind === kind);

  it('are uploaded, shown with their notes, installed after asking, and started by a reboot', async () => {
    expect((await upload()).status).toBe(303);
    expect(readFileSync(appliance.bundle, 'utf8')).toBe('a bundle');
    const ready = (await admin.get(HERE)).text;
    for (const shown of ['Version 0.2.0 is here', 'Faster &lt;tunnels&gt;', '20261125']) expect(ready).toContain(shown);
    expect((await admin.get(`${HERE}/install`)).text).toContain('Install version 0.2.0?');
    expect(appliance.asked).not.toContain('update');
    await admin.post(`${HERE}/install`);
    await becomes('installed');
    expect(appliance.asked).toContain('update');
    Object.assign(appliance.status, { next: 'B', rauc: JSON.stringify({ slots: [{ r: { bootname: 'B', slot_status: { bundle: { version: '0.2.0' } } } }] }) });
    const done = (await admin.get(HERE)).text;
    expect([done.includes('Version 0.2.0 is installed'), done.includes('Reboot now')]).toEqual([true, true]);
    const { body } = await api.call('GET', '/audit?limit=2');
    expect(body.map(({ action }: { action: string }) => action)).toEqual(['update.installed', 'update.received']);
  });

  it('are uploaded by the API too', async () => {
    const { status, body } = await uploadTo(box, api, '/system/update', { bundle: new Blob(['a bundle']) });
    expect([status, body]).toEqual([200, expect.objectContaining({ kind: 'ready', version: '0.2.0' })]);
    expect(readFileSync(appliance.bundle, 'utf8')).toBe('a bundle');
    expect((await api.call('GET', '/audit?limit=1')).body[0]).toMatchObject({ action: 'update.received', via: 'api', changes: { version: '0.2.0' } });
    for (const form of [{ other: new Blob(['x']) }, { note: 'x', bundle: new Blob(['x']) }, { bundle: 'x' }])
      expect((await uploadTo(box, api, '/system/update', form)).status).toBe(422);
    expect((await api.call('POST', '/system/update', { bundle: 'x' })).status).toBe(422);
    expect((await uploadTo(box, { ...api, token: 'wg_x' }, '/system/update', { bundle: new Blob(['x']) })).status).toBe(401);
    expect(readFileSync(appliance.bundle, 'utf8')).toBe('a bundle');
  });

  it('are answered when they are not taken, however much is still to come', async () => {
    const large = Buffer.alloc(16 * 1_048_576);
    let finish = (_: readonly string[]) => {};
    appliance.verbs['update'] = () => new Promise((resolve) => (finish = resolve));
    await upload();
    await admin.post(`${HERE}/install`);
    expect((await uploadAs(box, admin, HERE, 'bundle', large)).status).toBe(409);
    expect(await uploadWhole(box, api, '/system/update', 'bundle', large)).toBe(409);
    finish([]);
    await becomes('installed');
    mkdirSync(`${appliance.bundle}.new`);
    expect(await uploadWhole(box, api, '/system/update', 'bundle', large)).toBe(500);
    expect(await uploadWhole(box, api, '/system/update', 'bundle', large, { note: 'x' })).toBe(422);
  });

  it('are no larger than leaves the box room to go on, and leave nothing behind', async () => {
    const cache = dirname(appliance.bundle);
    await run(['mount', '-t', 'tmpfs', '-o', 'size=72m', 'tmpfs', cache]);
    try {
      const { status, body } = await uploadTo(box, api, '/system/update', { bundle: new Blob([Buffer.alloc(12 * 1_048_576)]) });
      expect([status, body.errors.bundle]).toEqual([422, [expect.stringContaining('8')]]);
      expect(readdirSync(cache)).toEqual([]);
      expect((await upload()).status).toBe(303);
    } finally {
      await run(['umount', cache]);
    }
  });

  it('show how far they are, also without scripts, and take no second one meanwhile', async () => {
    let finish = (_: readonly string[]) => {};
    appliance.verbs['update'] = (_, print) => {
      print(' 40% Copying image to rootfs.1');
      return new Promise((resolve) => (finish = resolve));
    };
    await upload();
    await admin.post(`${HERE}/install`);
    await until('it has begun', async () => (await state()).percent === 40);
    const { text } = await admin.get(HERE);
    for (const shown of ['value="40"', 'Version 0.2.0 is being written', 'Show how far it is']) expect(text).toContain(shown);
    expect((await upload()).status).toBe(409);
    expect((await api.call('POST', '/system/update/install', {})).status).toBe(409);
    expect((await api.call('DELETE', '/system/update')).status).toBe(409);
    finish([]);
    await becomes('installed');
  });

  it('stay what they have become while somebody was told late what there was', async () => {
    const inspect = appliance.verbs['bundle'] ?? (() => []);
    let tell = (_: readonly string[]) => {};
    appliance.verbs['bundle'] = () => new Promise((resolve) => (tell = resolve));
    const asking = state();
    await until('the box was asked', () => appliance.asked.includes('bundle'));
    appliance.verbs['bundle'] = inspect;
    appliance.verbs['update'] = () => new Promise(() => {});
    await upload();
    await admin.post(`${HERE}/install`);
    tell([]);
    expect([(await asking).kind, (await state()).kind]).toEqual(['installing', 'installing']);
  });

  it.each([
    ['signature verification failed: Verify error: unable to get local issuer certificate', 'signed by somebody whom this box does not know'],
    ['signature verification failed: Verify error: self-signed certificate', 'signed by somebody whom this box does not know'],
    ['signature verification failed: CMS_verify digest mismatch', 'changed after it had been signed'],
    ['Invalid bundle format magic', 'This is no update'],
  ])('that the box does not trust are not kept: %s', async (words, shown) => {
    appliance.verbs['bundle'] = () => {
      if (!existsSync(appliance.bundle)) return [];
      throw new Error(words);
    };
    const answer = await upload();
    expect([answer.status, answer.text.includes(shown)]).toEqual([422, true]);
    expect(existsSync(appliance.bundle)).toBe(false);
    expect((await state()).kind).toBe('none');
    expect((await api.call('POST', '/system/update/install', {})).status).toBe(404);
  });

  it('say why the box refuses to install one', async () => {
    appliance.verbs['update'] = () => {
      throw new Error('too little space on the data partition for a copy of the database');
    };
    await upload();
    await admin.post(`${HERE}/install`);
    await becomes('failed');
    expect((await admin.get(HERE)).text).toContain('There is too little space on the data partition');
  });

  it('older than what runs are installed only by who says so', async () => {
    isOlder = true;
    await upload();
    expect((await admin.get(HERE)).text).toContain('It is older than the version 0.1.0');
    expect((await api.call('POST', '/system/update/install', {})).status).toBe(409);
    expect((await admin.post(`${HERE}/install`)).status).toBe(409);
    expect(appliance.asked.filter((each) => each.startsWith('update'))).toEqual([]);
    expect((await admin.get(`${HERE}/install`)).text).toContain('Install the older version');
    await admin.post(`${HERE}/install?older=yes`);
    await becomes('installed');
    expect(appliance.asked).toContain('update allow-older');
  });

  it('are found again after the service has started anew, and can be discarded', async () => {
    writeFileSync(appliance.bundle, 'from before');
    expect(await state()).toMatchObject({ kind: 'ready', version: '0.2.0', is_older: false });
    await admin.post(`${HERE}/discard`);
    expect([existsSync(appliance.bundle), (await state()).kind]).toEqual([false, 'none']);
  });

  it('need a file', async () => {
    const answer = await admin.post(HERE);
    expect([answer.status, answer.text.includes('role="alert"')]).toEqual([422, true]);
  });

  it('are fetched from no address of the box itself or its link', async () => {
    for (const url of ['http://127.0.0.1/x', 'http://localhost/x', 'http://[::1]/x', 'http://169.254.169.254/x', 'file:///etc/passwd', 'ftp://x.test/', 'x']) {
      const answer = await admin.post(`${HERE}/fetch`, { url });
      expect([url, answer.status, answer.text.includes('field-url-error')]).toEqual([url, 422, true]);
      expect((await api.call('POST', '/system/update/fetch', { url })).status, url).toBe(422);
    }
    expect((await state()).kind).toBe('none');
  });

  const [own] = ownAddresses().filter((address) => /^(10|172|192)\./.test(address));
  it.runIf(own !== undefined)('are fetched as they come, and one that breaks off is not kept', async () => {
    const server = createServer((request, response) => {
      if (request.url === '/gone') response.writeHead(404).end();
      else if (request.url === '/broken') response.writeHead(200, { 'content-length': '100' }).write('only a part', () => response.destroy());
      else response.end('x'.repeat(3_000_000));
    });
    await new Promise<void>((resolve) => server.listen(0, own, resolve));
    const url = `http://${own}:${(server.address() as AddressInfo).port}`;
    try {
      expect((await api.call('POST', '/system/update/fetch', { url: `${url}/gone` })).status).toBe(422);
      await api.call('POST', '/system/update/fetch', { url: `${url}/broken` });
      await becomes('failed');
      expect(existsSync(appliance.bundle)).toBe(false);
      expect((await admin.post(`${HERE}/fetch`, { url: `${url}/update.raucb` })).status).toBe(303);
      await becomes('ready');
      expect(readFileSync(appliance.bundle).length).toBe(3_000_000);
    } finally {
      server.close();
    }
  });

  it('are for administrators alone', async () => {
    await api.call('POST', '/users', { email: 'bob@example.com', password: 'a password for bob' });
    const bob = await box.signedIn({ email: 'bob@example.com', password: 'a password for bob' });
    expect((await uploadAs(box, bob, HERE, 'bundle', 'x')).status).toBe(403);
    for (const path of ['', '/fetch', '/install', '/discard']) expect((await bob.post(HERE + path, { url: 'http://x.test' })).status, path).toBe(403);
    expect((await bob.get(HERE)).status).toBe(403);
    expect(existsSync(appliance.bundle)).toBe(false);
  });
});
