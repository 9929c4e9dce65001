import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { userByEmail } from '../../../core/accounts/store.ts';
import { apiOf } from '../../support/api.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';

const USER = { email: 'user@example.com', password: 'the password of a user' };

describe('the list of rules', () => {
  let box: TestApp;
  let admin: TestBrowser;
  let userId: string;

  beforeEach(async () => {
    box = await createTestApp();
    admin = await box.signedIn();
    await admin.post('/admin/users', { ...USER, role: 'unprivileged' });
    userId = String((await userByEmail(box.app.db, USER.email))?.id);
    for (const comment of ['first', 'second', '=third'])
      await admin.post('/admin/rules', {
        user: comment === 'first' ? USER.email : '',
        action: comment === 'first' ? 'accept' : 'drop',
        destination: '10.0.0.0/8',
        protocol: 'any',
        priority: '100',
        enabled: 'on',
        comment,
      });
  });
  afterEach(() => box[Symbol.asyncDispose]());

  const order = async (query = '') => [...(await admin.get(`/admin/rules?${query}`)).text.matchAll(/rule-comment">([^<]+)</g)].map(([, comment]) => comment);
  const ids = async () => [...(await admin.get('/admin/rules')).text.matchAll(/data-rule="([^"]+)"/g)].map(([, id]) => String(id));
  const act = (name: string, chosen: readonly string[], more: Record<string, string> = {}) =>
    fetch(`${box.url}/admin/rules/selection`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'sec-fetch-site': 'same-origin', cookie: [...admin.cookies].map((pair) => pair.join('=')).join('; ') },
      body: new URLSearchParams([['act', name], ...chosen.map((id) => ['chosen', id] as [string, string]), ...Object.entries(more)]),
    });

  it('is filtered by action, status and user, and exported so', async () => {
    expect(await order('action=accept')).toEqual(['first']);
    expect(await order('user=everyone')).toEqual(['second', '=third']);
    expect(await order('status=disabled')).toEqual([]);
    const file = (await admin.get('/admin/rules.csv?action=drop')).text;
    expect(file.trim().split('\r\n').length).toBe(3);
    expect(file).toContain(`"'=third"`);
  });

  it('changes several at once, with an audit row for each', async () => {
    const all = await ids();
    expect((await admin.get(`/admin/rules/selection?act=disable&chosen=${all[0]}&chosen=${all[1]}`)).text).toContain('Disable 2 rules?');
    expect((await act('disable', all)).status).toBe(303);
    expect((await admin.get('/admin/rules')).text).toContain('3 rules are disabled.');
    expect(await order('status=disabled')).toEqual(['first', 'second', '=third']);
    expect((await admin.get('/admin/audit.csv?action=rule.changed')).text.trim().split('\r\n').length).toBe(4);
    await act('delete', all.slice(1));
    expect(await order()).toEqual(['first']);
  });

  it('asks before several rules go that an assertion rests on, and changes none until then', async () => {
    await admin.post('/admin/rules/assertions', {
      user: '',
      expectation: 'not-reach',
      destination: '10.1.0.0/16',
      protocol: 'any',
      portRange: '',
      comment: '',
    });
    await admin.post(`/admin/rules/${(await ids())[0]}/delete`);
    const drops = await ids();
    const refused = await act('delete', drops);
    expect(refused.status).toBe(422);
    expect(await refused.text()).toContain('name="override"');
    expect(await order()).toEqual(['second', '=third']);
    expect((await act('delete', drops, { override: 'on' })).status).toBe(303);
    expect(await order()).toEqual([]);
  });

  it('takes a deletion back, once, to where the rule stood', async () => {
    const [, second] = await ids();
    await admin.post(`/admin/rules/${second}/delete`);
    expect(await order()).toEqual(['first', '=third']);
    expect((await admin.post('/admin/rules/undo')).status).toBe(303);
    expect(await order()).toEqual(['first', 'second', '=third']);
    expect((await ids())[1]).toBe(second);
    expect((await admin.post('/admin/rules/undo')).status).toBe(404);
    expect((await admin.get('/admin/audit.csv?action=rule.restored')).text).toContain('Drop any to 10.0.0.0/8');
  });

  it('does not bring back a rule of a user who is gone', async () => {
    const [first] = await ids();
    await admin.post(`/admin/rules/${first}/delete`);
    await admin.post(`/admin/users/${userId}/delete`);
    expect((await admin.post('/admin/rules/undo')).status).toBe(422);
    expect(await order()).toEqual(['second', '=third']);
  });

  it("stands on the user's page, with the shortest way to block a port", async () => {
    const page = (await admin.get(`/admin/users/${userId}`)).text;
    expect(page).toContain('first');
    expect(page).not.toContain('third');
    const form = { user: USER.email, action: 'drop', priority: '100', enabled: 'on', comment: '', returnTo: `/admin/users/${userId}`, protocol: 'tcp' };
    expect((await admin.post('/admin/rules', { ...form, portRange: '25' })).location).toBe(`/admin/users/${userId}`);
    expect((await admin.get(`/admin/users/${userId}`)).text).toContain('TCP 25');
    expect((await admin.post('/admin/rules', { ...form, portRange: 'smtp' })).status).toBe(422);
  });

  it('does the same by the API', async () => {
    const api = await apiOf(box);
    expect((await api.call('POST', '/rules/selection', { act: 'disable', ids: await ids() })).status).toBe(204);
    expect((await api.call('GET', '/rules?status=disabled')).body.length).toBe(3);
    const missing = [...(await ids()), '00000000-0000-4000-8000-000000000000'];
    expect((await api.call('POST', '/rules/selection', { act: 'delete', ids: missing })).status).toBe(404);
    expect((await api.call('GET', '/rules')).body.length).toBe(3);
  });
});
