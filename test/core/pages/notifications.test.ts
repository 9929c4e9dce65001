import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiOf } from '../../support/api.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { until } from '../../support/wait.ts';

const USER = { email: 'user@example.com', password: 'the password of a user' };

describe('notifications for administrators', () => {
  let box: TestApp;
  let admin: TestBrowser;

  beforeEach(async () => {
    box = await createTestApp();
    admin = await box.signedIn();
    for (const message of ['The disk is nearly full.', 'A provider refused.']) {
      box.app.events.emit('attention.needed', { severity: 'warning', about: 'disk', message });
      await until('it is raised', async () => (await admin.get('/api/health')).status > 0 && (await unread()) > 0);
    }
    await until('both are raised', async () => (await unread()) === 2);
  });
  afterEach(() => box[Symbol.asyncDispose]());

  const unread = async () => Number(/id="unread"[^>]*><span class="badge">(\d+)</.exec((await admin.get('/admin')).text)?.[1] ?? 0);

  it('are counted in the navigation until the list is opened', async () => {
    const opened = (await admin.get('/admin/notifications')).text;
    expect(opened.match(/is-unread/g)?.length).toBe(2);
    expect(await unread()).toBe(0);
    expect((await admin.get('/admin/notifications')).text).not.toContain('is-unread');
  });

  it('stay unread when a page that stands open fetches the list by itself', async () => {
    expect((await admin.get('/admin/notifications', { 'hx-request': 'true' })).text).toContain('The disk is nearly full.');
    expect(await unread()).toBe(2);
    expect((await admin.get('/admin/notifications/badge', { 'hx-request': 'true' })).text).toContain('>2</span>');
  });

  it('are marked as read, and cleared, one by one and all together, also by the API', async () => {
    const api = await apiOf(box);
    const [first] = (await api.call('GET', '/notifications')).body;
    expect((await api.call('POST', `/notifications/${first.id}/read`)).body.read_at).toBe('2026-06-01T12:00:00.000Z');
    expect(await unread()).toBe(1);
    expect((await api.call('POST', '/notifications/00000000-0000-4000-8000-000000000000/read')).status).toBe(404);
    expect((await api.call('POST', '/notifications/read')).status).toBe(204);
    expect(await unread()).toBe(0);
    await admin.post('/admin/notifications/clear', { notice: first.id });
    expect((await api.call('GET', '/notifications')).body.length).toBe(1);
    await admin.post('/admin/notifications/clear');
    expect((await admin.get('/admin/notifications')).text).toContain('Nothing to report');
  });

  it('are nothing that others see', async () => {
    await admin.post('/admin/users', { ...USER, role: 'unprivileged' });
    const user = await box.signedIn(USER);
    expect((await user.get('/devices')).text).not.toContain('id="unread"');
    for (const path of ['/admin/notifications', '/admin/notifications/badge']) expect((await user.get(path)).status).toBe(403);
  });
});
