import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';

describe('the audit log', () => {
  let box: TestApp;
  let admin: TestBrowser;
  beforeEach(async () => {
    box = await createTestApp();
    admin = await box.signedIn();
    await admin.post('/devices', { name: 'Laptop' });
    await admin.post('/admin/users', { email: 'user@example.com', password: 'a secret of theirs', role: 'unprivileged' });
    await admin.post('/admin/settings/security', { localSignIn: 'on', vpnSessionDuration: '60', allowSelfService: 'on' });
  });
  afterEach(() => box[Symbol.asyncDispose]());

  it('says who did what, on what, from where, and never a secret', async () => {
    const csv = (await admin.get('/admin/audit.csv')).text;
    for (const part of [
      '"device.created"',
      '"Laptop"',
      '"user.created"',
      '"user@example.com"',
      '"settings.changed"',
      '"admin@example.com"',
      '"127.0.0.1"',
      'vpnSessionDuration',
    ])
      expect(csv).toContain(part);
    expect(csv).not.toContain('a secret of theirs');
    expect(csv).not.toMatch(/argon2|presharedKey/);
  });

  it('is intact until somebody changes a row, and then names it', async () => {
    expect((await admin.get('/admin/audit')).text).toContain('The chain is intact.');
    box.app.db.writer.exec("UPDATE audit_log SET actor = 'somebody else' WHERE seq = 3");
    expect((await admin.get('/admin/audit')).text).toContain('The chain is broken at row 3');
  });

  it('notices a row that was taken out', async () => {
    box.app.db.writer.exec('DELETE FROM audit_log WHERE seq = 2');
    expect(await box.app.audit.firstBroken(box.app.db)).toBe(3);
  });

  it('is searched on the server', async () => {
    const found = (await admin.get('/admin/audit?q=Laptop')).text;
    expect(found).toContain('device.created');
    expect(found).not.toContain('user.created</span>');
    expect((await admin.get('/admin/audit?q=nothing-like-it')).text).toContain('Nothing matches.');
  });
});

it('a copied database reveals no secret without the key file', async () => {
  await using box = await createTestApp();
  const admin = await box.signedIn();
  const page = (await admin.post('/devices', { name: 'Laptop' })).text;
  const token = /wg_[A-Za-z0-9_-]{43}/.exec((await admin.post('/account/tokens', { name: 'x', days: '1' })).text)?.[0] ?? '';
  const [, presharedKey = ''] = /PresharedKey = (\S+)/.exec(page) ?? [];
  const { privateKey } = await box.app.networkStore.serverKeys();
  const copied = ['wiregui.db', 'wiregui.db-wal'].map((file) => readFileSync(join(box.dataDirectory, file), 'latin1')).join('');
  for (const secret of [presharedKey, privateKey, token, admin.cookies.get('wiregui') ?? '']) {
    expect(secret.length).toBeGreaterThan(40);
    expect(copied).not.toContain(secret);
  }
});
