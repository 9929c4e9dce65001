import { createWriteStream, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { restore, writeBackup } from '../../../core/db/backup.ts';
import { programPaths } from '../../../core/system/paths.ts';
import { apiOf, type TestApi } from '../../support/api.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { MAIL_PASSWORD, type MailServer, settingsFor, startMailServer } from '../../support/mail-server.ts';

const SETTINGS = '/admin/settings/mail';

describe('a secret in the settings', () => {
  let server: MailServer;
  let box: TestApp;
  let admin: TestBrowser;
  let api: TestApi;
  beforeEach(async () => {
    server = await startMailServer();
    box = await createTestApp();
    admin = await box.signedIn();
    api = await apiOf(box);
    expect((await submit()).location).toBe(SETTINGS);
  });
  afterEach(async () => {
    await box[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const submit = (changes: Record<string, string> = {}) => admin.post(SETTINGS, { ...(settingsFor(server) as Record<string, string>), ...form, ...changes });
  const form = { fromName: 'WireGUI', notifyAdmins: 'off' };
  const sendTest = async () => (await admin.post(`${SETTINGS}/test`, { to: 'somebody@example.com' })).status;
  const hasPassword = async () => (await api.call('GET', '/configuration/mail')).body.has_password;
  /** What is on the disk, the write-ahead log included. */
  const onDisk = () => readdirSync(box.dataDirectory).map((name) => readFileSync(join(box.dataDirectory, name)));
  const lastChanges = async () => (await api.call('GET', '/audit?limit=1')).body[0].changes;

  it('is in no page, no answer, no audit row and not in the database', async () => {
    const answers = [
      (await admin.get(SETTINGS)).text,
      (await admin.get(`${SETTINGS}/test`)).text,
      (await submit({ port: '99999' })).text,
      (await admin.get('/admin/audit')).text,
      (await admin.get('/admin/audit.csv')).text,
      JSON.stringify((await api.call('GET', '/configuration/mail')).body),
      JSON.stringify((await api.call('PATCH', '/configuration/mail', { password: MAIL_PASSWORD, port: server.port })).body),
      JSON.stringify((await api.call('PATCH', '/configuration/mail', { password: MAIL_PASSWORD.repeat(100) })).body),
      JSON.stringify((await api.call('GET', '/audit')).body),
      ...onDisk().map((bytes) => bytes.toString('latin1')),
    ];
    const spellings = [MAIL_PASSWORD, Buffer.from(MAIL_PASSWORD).toString('latin1'), Buffer.from(MAIL_PASSWORD).toString('base64'), 'battery'];
    for (const [index, answer] of answers.entries())
      for (const spelling of spellings)
        expect(answer.replaceAll('&quot;', '"').replaceAll('correct horse battery', '').includes(spelling), `${index}`).toBe(false);
    expect(await sendTest()).toBe(303);
  });

  it('is not even shown sealed', async () => {
    for (const { text } of [await admin.get(SETTINGS), await admin.get('/admin/audit.csv')]) expect(text).not.toContain('v1.');
    expect(JSON.stringify((await api.call('GET', '/configuration/mail')).body)).not.toContain('v1.');
  });

  it('leaves only the word “changed” in the audit log', async () => {
    await api.call('PATCH', '/configuration/mail', { password: 'another one', from_name: 'Box' });
    expect(await lastChanges()).toEqual({ password: 'changed', fromName: ['WireGUI', 'Box'] });
    await api.call('PATCH', '/configuration/mail', { from_name: 'WireGUI' });
    expect(await lastChanges()).toEqual({ fromName: ['Box', 'WireGUI'] });
  });

  it('stays when its field is left empty, is replaced by what is typed, and goes when it is to be removed', async () => {
    expect((await admin.get(SETTINGS)).text).toContain('One is set. Leave it empty to keep it.');
    await submit({ password: '', fromName: 'Box' });
    expect([await hasPassword(), await sendTest()]).toEqual([true, 303]);
    await submit({ password: 'a wrong one' });
    expect([await hasPassword(), await sendTest()]).toEqual([true, 503]);
    await submit({ password: '', 'password-removal': 'on' });
    expect(await hasPassword()).toBe(false);
    expect((await admin.get(SETTINGS)).text).not.toContain('One is set.');
  });

  it('stays when another field is refused, and what was chosen about it is asked again', async () => {
    const refused = await submit({ password: '', 'password-removal': 'on', port: '0' });
    expect(refused.status).toBe(422);
    expect(refused.text).toMatch(/name="password-removal"[^>]* checked/);
    expect([await hasPassword(), await sendTest()]).toEqual([true, 303]);
  });

  it('is set and removed through the API, whose document says how', async () => {
    expect((await api.call('PATCH', '/configuration/mail', { password: null })).body.has_password).toBe(false);
    expect((await api.call('PATCH', '/configuration/mail', { password: MAIL_PASSWORD })).body).toMatchObject({ has_password: true, port: server.port });
    expect(await sendTest()).toBe(303);
    expect((await api.call('PATCH', '/configuration/mail', { has_password: false })).status).toBe(422);
    for (const password of ['', 'a\nb', 7, 'v1.a'.padEnd(2_000, 'x')]) expect((await api.call('PATCH', '/configuration/mail', { password })).status).toBe(422);
    const { paths } = await (await fetch(`${box.url}/api/v0/openapi.json`)).json();
    const { patch } = paths['/configuration/mail'];
    const sent = patch.requestBody.content['application/json'].schema.properties;
    const answered = patch.responses[200].content['application/json'].schema;
    expect(JSON.stringify(sent.password)).toContain('"writeOnly":true');
    expect([answered.properties.has_password, answered.properties.password]).toEqual([{ type: 'boolean' }, undefined]);
    expect(answered.required).toContain('has_password');
  });

  it('that looks like a sealed one is a secret like any other', async () => {
    const { password } = (await box.app.settings.read(
      box.app.host.statuses().find(({ plugin }) => plugin.manifest.id === 'mail')?.plugin.manifest.settings as never,
    )) as { password: string };
    await api.call('PATCH', '/configuration/mail', { password });
    expect(await sendTest()).toBe(503);
  });

  it('comes along in a backup', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wiregui-mail-backup-'));
    const archive = join(folder, 'backup.tar.gz');
    await writeBackup(box.dataDirectory, createWriteStream(archive));
    await restore(archive, join(folder, 'second'), programPaths().migrations);
    await using second = await createTestApp({ dataDirectory: join(folder, 'second') });
    expect((await (await second.signedIn()).post(`${SETTINGS}/test`, { to: 'somebody@example.com' })).status).toBe(303);
    expect((await server.next()).to).toEqual(['somebody@example.com']);
    rmSync(folder, { recursive: true, force: true });
  });
});
