import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiOf } from '../../support/api.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { createAppliance, type FakeAppliance } from '../../support/appliance.ts';

describe('the system page', () => {
  let appliance: FakeAppliance;
  let box: TestApp;
  let admin: TestBrowser;
  beforeEach(async () => {
    appliance = createAppliance();
    box = await createTestApp({ env: appliance.env });
    admin = await box.signedIn();
  });
  afterEach(async () => {
    await box[Symbol.asyncDispose]();
    appliance[Symbol.dispose]();
  });

  it('shows what runs, in which slot, and what the other slot holds', async () => {
    const { status, text } = await admin.get('/admin/system');
    expect(status).toBe(200);
    for (const shown of ['0.1.0', '6.12.48-cloud-amd64', 'version 0.0.9, works', '1 d 2 h', 'wiregui']) expect(text).toContain(shown);
    expect((await admin.get('/admin')).text).toContain('href="/admin/system"');
  });

  it('says when a version was given up, and shows names as text', async () => {
    Object.assign(appliance.status, { fellBackFrom: '0.2.0', hostname: '<b>x</b>', rauc: '{broken' });
    const { text } = await admin.get('/admin/system');
    expect(text).toContain('Version 0.2.0 did not work');
    expect(text).toContain('&lt;b&gt;x&lt;/b&gt;');
    expect(text).toContain('works, as it was flashed');
  });

  it('is not offered where there is no box, and says so', async () => {
    await using plain = await createTestApp({ env: { WG_BOX_DIR: '/nonexistent' } });
    const owner = await plain.signedIn();
    expect((await owner.get('/admin')).text).not.toContain('/admin/system');
    expect((await owner.get('/admin/system')).text).toContain('This is no appliance');
    for (const path of ['reboot', 'power-off', 'factory-reset']) {
      expect((await owner.get(`/admin/system/${path}`)).status, path).toBe(404);
      expect((await owner.post(`/admin/system/${path}`, { hostname: 'wiregui' })).status, path).toBe(404);
    }
    expect((await (await apiOf(plain)).call('GET', '/system')).status).toBe(404);
  });

  it('reboots and shuts down after asking, and writes down who did it', async () => {
    for (const [path, verb] of [
      ['reboot', 'reboot'],
      ['power-off', 'poweroff'],
    ] as const) {
      expect((await admin.get(`/admin/system/${path}`)).text).toContain('All tunnels stop');
      expect(appliance.asked).not.toContain(verb);
      expect((await admin.post(`/admin/system/${path}`)).status).toBe(200);
      expect(appliance.asked).toContain(verb);
    }
    const { body } = await (await apiOf(box)).call('GET', '/audit?limit=4');
    expect(body.map(({ action }: { action: string }) => action)).toEqual(['token.created', 'user.signed-in', 'system.powered-off', 'system.rebooted']);
  });

  it('resets only who types the name of the box, having read what goes', async () => {
    const asking = await admin.get('/admin/system/factory-reset');
    for (const goes of ['all users, devices and their tunnels', 'audit log', 'Type the box’s name, wiregui']) expect(asking.text).toContain(goes);
    for (const typed of ['', 'WIREGUI', 'wiregui\n', 'other']) {
      const answer = await admin.post('/admin/system/factory-reset', { hostname: typed });
      // Spaces around it are nobody's mistake.
      if (typed.trim() !== 'wiregui') expect([answer.status, answer.text.includes('field-hostname-error')]).toEqual([422, true]);
      if (typed.trim() !== 'wiregui') expect(appliance.asked).toEqual([]);
    }
    appliance.asked.length = 0;
    expect((await admin.post('/admin/system/factory-reset', { hostname: 'wiregui' })).status).toBe(200);
    expect(appliance.asked).toEqual(['factory-reset erase-everything']);
  });

  it('passes on why the box refuses', async () => {
    appliance.verbs['reboot'] = () => {
      throw new Error('an update is being written');
    };
    const answer = await admin.post('/admin/system/reboot');
    expect([answer.status, answer.text.includes('an update is being written')]).toEqual([409, true]);
  });

  it('is for administrators alone', async () => {
    const api = await apiOf(box);
    await api.call('POST', '/users', { email: 'bob@example.com', password: 'a password for bob' });
    const who = { email: 'bob@example.com', password: 'a password for bob' };
    const bob = await box.signedIn(who);
    const bobsApi = await apiOf(box, who);
    for (const path of ['', '/reboot', '/power-off', '/factory-reset']) {
      expect((await bob.get(`/admin/system${path}`)).status, path).toBe(403);
      expect((await box.browser().get(`/admin/system${path}`)).status, path).toBe(303);
      if (path === '') continue;
      expect((await bob.post(`/admin/system${path}`, { hostname: 'wiregui' })).status, path).toBe(403);
      expect((await bobsApi.call('POST', `/system${path}`, path === '/factory-reset' ? { hostname: 'wiregui' } : undefined)).status, path).toBe(403);
    }
    expect((await bobsApi.call('GET', '/system')).status).toBe(403);
    expect(appliance.asked).toEqual([]);
  });

  it('has the same by the API', async () => {
    const api = await apiOf(box);
    const { body } = await api.call('GET', '/system');
    expect(body).toMatchObject({ version: '0.1.0', slot: 'A', is_other_good: true, other_version: '0.0.9', hostname: 'wiregui', up_seconds: 93_784 });
    expect((await api.call('POST', '/system/reboot')).status).toBe(204);
    expect((await api.call('POST', '/system/factory-reset', { hostname: 'no' })).status).toBe(422);
    expect((await api.call('POST', '/system/factory-reset', { hostname: 'wiregui' })).status).toBe(204);
    expect(appliance.asked).toEqual(['reboot', 'factory-reset erase-everything']);
  });
});
