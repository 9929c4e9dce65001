import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { userByEmail } from '../../../core/accounts/store.ts';
import { apiOf } from '../../support/api.ts';
import { ADMIN, createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';

const FORMULA = '=HYPERLINK("http://evil.example","x")';

describe('lists for administrators', () => {
  let box: TestApp;
  let admin: TestBrowser;
  const users: Record<string, string> = {};

  beforeEach(async () => {
    box = await createTestApp();
    admin = await box.signedIn();
    for (const name of ['ann', 'bob', 'cid']) {
      await admin.post('/admin/users', { email: `${name}@example.com`, password: `the password of ${name}`, role: name === 'cid' ? 'admin' : 'unprivileged' });
      users[name] = await idOf(`${name}@example.com`);
    }
  });
  afterEach(() => box[Symbol.asyncDispose]());

  const idOf = async (email: string) => String((await userByEmail(box.app.db, email))?.id);
  const emailsIn = (text: string) => [...text.matchAll(/class="row-link" href="\/admin\/users\/[^"]+">([^<]+)</g)].map(([, email]) => email);
  const addDevice = async (name: string, owner: string) =>
    /href="\/devices\/([0-9a-f-]{36})"/.exec((await admin.post('/devices', { name, userId: users[owner] ?? '' })).text)?.[1] ?? '';
  /** Asks as the buttons below a list do, and confirms what was asked. */
  async function doTo(root: string, act: string, ids: readonly (string | undefined)[], more: Record<string, string> = {}, by = admin) {
    const chosen: [string, string][] = [['act', act], ...ids.map((id) => ['chosen', String(id)] as [string, string])];
    const question = await by.get(`${root}/selection?${new URLSearchParams(chosen)}`);
    const form = new URLSearchParams([...chosen, ...Object.entries(more)]);
    const answer = await fetch(`${box.url}${root}/selection`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'sec-fetch-site': 'same-origin', accept: 'text/html', cookie: [...by.cookies].map((pair) => pair.join('=')).join('; ') },
      body: form,
    });
    return { question: question.text, status: answer.status, after: (await by.get(root)).text };
  }

  it('find users by role and status, and sort by every column', async () => {
    await admin.post(`/admin/users/${users['ann']}/disable`);
    await addDevice('Phone', 'bob');
    const found = async (query: string) => emailsIn((await admin.get(`/admin/users?${query}`)).text);
    expect(await found('role=admin')).toEqual([ADMIN.email, 'cid@example.com']);
    expect(await found('status=disabled')).toEqual(['ann@example.com']);
    expect(await found('role=admin&status=disabled')).toEqual([]);
    expect((await found('sort=-deviceCount'))[0]).toBe('bob@example.com');
    expect((await found('sort=-disabledAt'))[0]).toBe('ann@example.com');
    for (const sort of ['role', 'lastSignedInAt', 'lastSignedInMethod', 'createdAt']) expect((await found(`sort=-${sort}`)).length, sort).toBe(4);
  });

  it('find what happened by who, what, through what and when', async () => {
    box.clock.advance(3 * 86_400_000);
    admin = await box.signedIn();
    await addDevice('Late', 'bob');
    const found = async (query: string) => (await admin.get(`/admin/audit?${query}`)).text;
    expect(await found('action=device.created')).toContain('Late');
    expect(await found('action=user.created')).not.toContain('device.created</span>');
    expect(await found('from=2026-06-04&action=user.created')).toContain('Nothing matches.');
    expect(await found('to=2026-06-01&actor=admin@')).toContain('user.created</span>');
    expect(await found('via=job')).toContain('Nothing matches.');
    expect((await admin.get('/admin/audit.csv?action=device.created')).text.trim().split('\r\n').length).toBe(2);
  });

  it('are exported as searched, with nothing that a spreadsheet takes for a formula, and no secret', async () => {
    await addDevice(FORMULA, 'ann');
    await addDevice('+1', 'bob');
    await addDevice('@cmd', 'bob');
    const file = await admin.get('/admin/devices.csv');
    expect(file.headers.get('content-disposition')).toBe('attachment; filename="devices.csv"');
    expect(file.text).toContain(`"'=HYPERLINK(""http://evil.example"",""x"")"`);
    for (const cell of [`"'+1"`, `"'@cmd"`]) expect(file.text).toContain(cell);
    expect(file.text).not.toMatch(/"[=+@]/);
    expect(file.text).not.toMatch(/preshared/i);
    expect((await admin.get('/admin/devices.csv?q=%40cmd')).text.trim().split('\r\n').length).toBe(2);
    expect((await admin.get(`/admin/devices.csv?user=${users['bob']}`)).text.trim().split('\r\n').length).toBe(3);
    const people = (await admin.get('/admin/users.csv?role=admin')).text;
    expect(people.trim().split('\r\n').length).toBe(3);
    expect(people).not.toMatch(/argon2|password/i);
  });

  it('are exported whole, however long they are', async () => {
    const insert = box.app.db.writer.prepare(
      "INSERT INTO devices (id, user_id, name, description, public_key, preshared_key, created_at, updated_at) VALUES (?, ?, ?, '', ?, '', 0, 0)",
    );
    box.app.db.writer.exec('BEGIN');
    for (let index = 0; index < 1_234; index += 1) insert.run(`d${index}`, users['bob'], `device ${index % 617}/${index}`, `key ${index}`);
    box.app.db.writer.exec('COMMIT');
    const lines = (await admin.get('/admin/devices.csv')).text.trim().split('\r\n').slice(1);
    expect(new Set(lines.map((line) => line.split(',')[0])).size).toBe(1_234);
  });

  it('change several users at once, name them first, and write an audit row for each', async () => {
    const device = await addDevice('Phone', 'ann');
    const disabled = await doTo('/admin/users', 'disable', [users['ann'], users['bob']]);
    expect(disabled.question).toContain('Disable 2 users? Their sessions end and 1 device loses its tunnel at once.');
    for (const email of ['ann@example.com', 'bob@example.com']) expect(disabled.question).toContain(email);
    expect(disabled.after).toContain('2 users are disabled.');
    expect(disabled.after).toContain('>Undo</button>');
    expect((await admin.get('/admin/audit.csv?action=user.disabled')).text.trim().split('\r\n').length).toBe(3);
    expect((await doTo('/admin/users', 'enable', [users['ann'], users['bob']])).after).toContain('2 users are enabled.');
    expect((await doTo('/admin/users', 'end-vpn', [users['ann']])).after).toContain('1 VPN session is ended.');
    await admin.post('/admin/rules', { user: 'ann@example.com', action: 'drop', protocol: 'any', priority: '100', enabled: 'on', comment: '' });
    const removed = await doTo('/admin/users', 'delete', [users['ann'], users['bob']]);
    expect(removed.question).toContain('Delete 2 users, with 1 device and 1 rule?');
    expect(removed.after).toContain('2 users are deleted.');
    expect((await admin.get(`/devices/${device}`)).status).toBe(404);
  });

  it('keep the last administrator, and then do nothing to anybody', async () => {
    const own = await idOf(ADMIN.email);
    for (const act of ['disable', 'delete']) {
      expect((await doTo('/admin/users', act, [users['ann'], users['cid'], own])).status, act).toBe(409);
      expect(emailsIn((await admin.get('/admin/users?status=enabled')).text).length, act).toBe(4);
    }
  });

  it('change several devices at once: pause, resume, expire, delete', async () => {
    const ids = [await addDevice('Phone', 'ann'), await addDevice('Laptop', 'bob')];
    const paused = await doTo('/admin/devices', 'pause', ids);
    expect(paused.question).toContain('Pause 2 devices?');
    expect(paused.question).toContain('ann@example.com');
    expect(paused.after.match(/>Paused<\/span>/g)?.length).toBe(2);
    expect((await doTo('/admin/devices', 'resume', ids)).after).not.toContain('>Paused</span></td>');
    expect((await doTo('/admin/devices', 'expire', ids, { expiresAt: 'not a time' })).status).toBe(422);
    await doTo('/admin/devices', 'expire', ids, { expiresAt: '2026-06-01T13:00' });
    box.clock.advance(2 * 3_600_000);
    expect((await admin.get('/admin/devices?status=expired')).text.match(/class="row-link"/g)?.length).toBe(2);
    expect((await doTo('/admin/devices', 'delete', ids)).after).toContain('2 devices are deleted.');
  });

  it('ask for something to be ticked when nothing is', async () => {
    expect((await admin.get('/admin/devices/selection?act=pause')).location).toBe('/admin/devices');
    expect((await admin.get('/admin/devices')).text).toContain('Select something first');
    expect((await admin.post('/admin/devices/selection', { act: 'explode', chosen: 'x' })).status).toBe(404);
  });

  it('let users change several of their own devices by the API, nobody else’s, and no expiry', async () => {
    const who = { email: 'ann@example.com', password: 'the password of ann' };
    const api = await apiOf(box, who);
    const [own, other] = [await addDevice('Phone', 'ann'), await addDevice('Laptop', 'bob')];
    expect((await api.call('POST', '/devices/selection', { act: 'pause', ids: [own, other] })).status).toBe(404);
    expect((await admin.get('/admin/devices?status=disabled')).text).toContain('No devices match.');
    expect((await api.call('POST', '/devices/selection', { act: 'expire', ids: [own] })).status).toBe(403);
    expect((await api.call('POST', '/devices/selection', { act: 'pause', ids: [own, own] })).status).toBe(204);
    expect((await api.call('POST', '/users/selection', { act: 'delete', ids: [users['bob']] })).status).toBe(403);
    expect((await admin.get('/admin/audit.csv?action=device.paused')).text.trim().split('\r\n').length).toBe(2);
  });

  it('take no filter for one that is not offered', async () => {
    await addDevice('Phone', 'ann');
    for (const odd of ['constructor', 'toString', '__proto__', 'nothing'])
      for (const path of [`/admin/devices?status=${odd}`, `/admin/users?status=${odd}&role=${odd}`])
        expect((await admin.get(path)).text, path).toContain('class="row-link"');
  });

  it('are for administrators alone', async () => {
    const ann = await box.signedIn({ email: 'ann@example.com', password: 'the password of ann' });
    for (const root of ['/admin/users', '/admin/devices']) {
      expect((await ann.get(`${root}.csv`)).status).toBe(403);
      expect((await ann.get(`${root}/selection?act=delete&chosen=${users['bob']}`)).status).toBe(403);
      expect((await ann.post(`${root}/selection`, { act: 'delete', chosen: users['bob'] ?? '' })).status).toBe(403);
    }
  });

  it('keep what there is to say for the page, whatever part of another is refreshed before', async () => {
    const browser = await box.signedIn();
    await browser.post('/devices', { name: 'Laptop' });
    const path = /\/devices\/[0-9a-f-]{36}/.exec((await browser.get('/devices')).text)?.[0] ?? '';
    const { location } = await browser.post(`${path}/pause`);
    expect((await browser.get('/devices', { 'hx-request': 'true' })).text).not.toContain('alert-success');
    expect((await browser.get(location ?? '')).text).toContain('alert-success');
    expect((await browser.get(location ?? '')).text).not.toContain('alert-success');
  });
});
