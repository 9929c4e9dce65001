import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decrypt, encrypt } from '../../../core/system/age.ts';
import { api as apiPlugin } from '../../../plugins/api/index.ts';
import { backup } from '../../../plugins/backup/index.ts';
import { apiOf, uploadTo } from '../../support/api.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { downloadBackup, uploadBackup } from '../../support/backup-pages.ts';
import { uploadWhole } from '../../support/upload.ts';

const ROOT = '/admin/settings/backup';
const PASSPHRASE = 'twelve or more characters';
const isGzip = (bytes: Uint8Array) => bytes[0] === 0x1f && bytes[1] === 0x8b;

describe('backups on the pages', () => {
  let box: TestApp;
  let admin: TestBrowser;
  beforeEach(async () => {
    box = await createTestApp({ plugins: [backup, apiPlugin] });
    admin = await box.signedIn();
  });
  afterEach(() => box[Symbol.asyncDispose]());

  const staged = () => readdirSync(box.dataDirectory).filter((name) => name.startsWith('restore-'));

  it('are downloaded as they are, and it is written down', async () => {
    const { status, headers, bytes } = await downloadBackup(box, admin);
    expect([status, isGzip(bytes)]).toEqual([200, true]);
    expect(headers.get('content-disposition')).toMatch(/^attachment; filename="wiregui-localhost-\d{8}T\d{6}Z\.tar\.gz"$/);
    expect((await admin.get('/admin/audit')).text).toContain('backup.taken');
  });

  it('are downloaded under a passphrase, which is written nowhere', async () => {
    const { headers, bytes } = await downloadBackup(box, admin, PASSPHRASE);
    expect(headers.get('content-disposition')).toContain('.tar.gz.age"');
    expect(isGzip(await buffer(decrypt(Readable.from([Buffer.from(bytes)]), PASSPHRASE)))).toBe(true);
    expect((await admin.get('/admin/audit')).text).not.toContain(PASSPHRASE);
    expect((await admin.get(ROOT)).text).not.toContain(PASSPHRASE);
  });

  it('are not downloaded under a passphrase that is short, or typed differently the second time', async () => {
    expect((await downloadBackup(box, admin, 'short')).status).toBe(422);
    expect((await downloadBackup(box, admin, PASSPHRASE, `${PASSPHRASE}!`)).status).toBe(422);
    expect((await downloadBackup(box, admin, '', PASSPHRASE)).status).toBe(422);
  });

  it('are shown before they are restored, and forgotten when they are not wanted', async () => {
    const { bytes } = await downloadBackup(box, admin, PASSPHRASE);
    const { status, location } = await uploadBackup(box, admin, bytes, PASSPHRASE);
    expect([status, staged().length]).toEqual([303, 1]);
    expect((await admin.get(location)).text).toMatch(/Users<\/dt><dd>1</);
    expect([(await admin.get(`${location}x`)).status, (await admin.post(`${location}x`)).status]).toEqual([404, 404]);
    expect((await admin.post(`${location}/discard`)).status).toBe(303);
    expect([staged(), (await admin.get(location)).status, (await admin.post(location)).status]).toEqual([[], 404, 404]);
  });

  it('are kept one at a time', async () => {
    const { bytes } = await downloadBackup(box, admin);
    const [first, second] = [(await uploadBackup(box, admin, bytes)).location, (await uploadBackup(box, admin, bytes)).location];
    expect([staged().length, (await admin.get(first)).status, (await admin.get(second)).status]).toEqual([1, 404, 200]);
  });

  it('belong by the API to the administrator who brought them', async () => {
    const other = { email: 'other@example.com', password: 'a secret of theirs' };
    await admin.post('/admin/users', { ...other, role: 'admin' });
    const [ours, theirs] = [await apiOf(box), await apiOf(box, other)];
    const archive = new Blob([(await downloadBackup(box, admin)).bytes]);
    const { status, body } = await uploadTo(box, ours, '/backup/restores', { archive });
    expect([status, body]).toEqual([201, expect.objectContaining({ is_encrypted: false, users: 2 })]);
    for (const method of ['GET', 'POST', 'DELETE']) expect((await theirs.call(method, `/backup/restores/${body.id}`)).status, method).toBe(404);
    expect((await ours.call('GET', `/backup/restores/${body.id}`)).body).toEqual(body);
    expect((await ours.call('POST', `/backup/restores/${body.id}`)).status).toBe(204);
    expect(staged()).toEqual(['restore-confirmed']);
  });

  it('are read to their end when they are refused, so that whoever sends them reads why', async () => {
    const api = await apiOf(box);
    expect(await uploadWhole(box, api, '/backup/restores', 'archive', randomBytes(16 * 1024 ** 2))).toBe(422);
    expect(await uploadWhole(box, api, '/backup/restores', 'archive', randomBytes(16 * 1024 ** 2), { other: 'x' })).toBe(422);
  });

  it('are decided on only in the session that brought them', async () => {
    const { bytes } = await downloadBackup(box, admin);
    const { location } = await uploadBackup(box, admin, bytes);
    const other = await box.signedIn();
    expect([(await other.get(location)).status, (await other.post(location)).status, (await other.post(`${location}/discard`)).status]).toEqual([
      404, 404, 404,
    ]);
    expect((await admin.post(location)).text).toContain('The backup is being restored');
    expect(staged()).toEqual(['restore-confirmed']);
  });

  it('are forgotten after a quarter of an hour', async () => {
    const { location } = await uploadBackup(box, admin, (await downloadBackup(box, admin)).bytes);
    box.clock.advance(15 * 60_000);
    expect([staged(), (await admin.post(location)).status]).toEqual([[], 404]);
  });

  it('are refused with a wrong passphrase, without one, and when they are none, also when they are large', async () => {
    const noise = randomBytes(8 * 1024 ** 2);
    const large = Buffer.from(await buffer(encrypt(Readable.from([noise]), PASSPHRASE)));
    const wrong = await uploadBackup(box, admin, Uint8Array.from(large), 'another one altogether');
    expect([wrong.status, wrong.text.includes('does not open this archive')]).toEqual([422, true]);
    const without = await uploadBackup(box, admin, Uint8Array.from(large));
    expect([without.status, without.text.includes('this archive is encrypted')]).toEqual([422, true]);
    expect((await uploadBackup(box, admin, Uint8Array.from(noise))).status).toBe(422);
    expect((await uploadBackup(box, admin, new Uint8Array(0))).status).toBe(422);
    expect(staged()).toEqual([]);
  });

  it('are refused cut off or changed at any place, plain and encrypted', async () => {
    for (const passphrase of ['', PASSPHRASE]) {
      const { bytes } = await downloadBackup(box, admin, passphrase);
      for (const share of [0.01, 0.3, 0.7, 0.999]) {
        const at = Math.floor(bytes.length * share);
        expect((await uploadBackup(box, admin, bytes.slice(0, at), passphrase)).status).toBe(422);
        const flipped = Uint8Array.from(bytes, (byte, index) => (index === at ? byte ^ 0xff : byte));
        expect((await uploadBackup(box, admin, flipped, passphrase)).status, `${passphrase} ${share}`).toBe(422);
      }
    }
    expect(staged()).toEqual([]);
  }, 30_000);

  it('are for administrators alone', async () => {
    const user = { email: 'user@example.com', password: 'a secret of theirs' };
    const { bytes } = await downloadBackup(box, admin);
    await admin.post('/admin/users', { ...user, role: 'unprivileged' });
    const them = await box.signedIn(user);
    expect([(await downloadBackup(box, them)).status, (await uploadBackup(box, them, bytes)).status, (await them.get(ROOT)).status]).toEqual([403, 403, 403]);
    const { location } = await uploadBackup(box, admin, bytes);
    expect([(await them.post(location)).status, (await them.post(`${ROOT}/run`)).status, (await them.post(`${ROOT}/test`)).status]).toEqual([403, 403, 403]);
    expect((await uploadBackup(box, box.browser(), bytes)).location).toBe('/login');
    expect(staged()).toHaveLength(1);
  });
});
