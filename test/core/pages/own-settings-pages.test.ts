import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';

const SECRET = 'a secret that nobody sees again';

describe('settings on a page of a plugin’s own', () => {
  let box: TestApp;
  let admin: TestBrowser;
  beforeEach(async () => {
    box = await createTestApp();
    admin = await box.signedIn();
  });
  afterEach(() => box[Symbol.asyncDispose]());

  it.each([
    ['certificate', { names: 'vpn.example.com', directory: 'http://odd.example/' }, 'directory', 'value="http://odd.example/"'],
    ['certificate', { automatic: 'on', names: 'vpn.example.com', directory: 'https://acme.example/' }, 'agrees', 'value="https://acme.example/"'],
    ['backup', { at: '25:00', keep: '7', port: '22', every: 'day', place: 'folder', weekday: 'monday' }, 'at', 'value="25:00"'],
    ['branding', { productName: 'x'.repeat(500), signInMessage: 'Hello there' }, 'productName', 'Hello there'],
    ['metrics', { allowedNetworks: 'not-a-network' }, 'allowedNetworks', 'value="not-a-network"'],
  ])('%s stays there with what was typed and what is wrong beside the field: %o', async (section, form, field, kept) => {
    const path = `/admin/settings/${section}`;
    const page = await admin.get(path);
    const answer = await admin.post(path, form);
    expect(answer.status).toBe(422);
    expect(answer.text).toContain(`id="field-${field}-error"`);
    expect(answer.text).toMatch(new RegExp(kept));
    // Every form of the page is there still, so it is the same one.
    expect(answer.text.match(/<form [^>]*action="[^"]*"/g)?.sort()).toEqual(page.text.match(/<form [^>]*action="[^"]*"/g)?.sort());
  });

  it('saves what is right, keeps a secret that is not typed again, and never shows one', async () => {
    const form = { every: 'off', weekday: 'monday', at: '04:30', keep: '7', place: 'folder', folder: '', port: '22', passphrase: SECRET };
    expect((await admin.post('/admin/settings/backup', form)).location).toBe('/admin/settings/backup');
    const { passphrase: _, ...again } = form;
    const wrong = await admin.post('/admin/settings/backup', { ...again, at: 'never', password: `${SECRET} either` });
    expect(wrong.status).toBe(422);
    expect(wrong.text).not.toContain(SECRET);
    expect(wrong.text).toContain('name="passphrase-removal"');
    expect((await admin.post('/admin/settings/backup', { ...again, at: '05:00' })).location).toBe('/admin/settings/backup');
    const page = (await admin.get('/admin/settings/backup')).text;
    expect(page).toContain('value="05:00"');
    expect(page).toContain('name="passphrase-removal"');
    await admin.post('/admin/settings/backup', { ...again, 'passphrase-removal': 'on' });
    expect((await admin.get('/admin/settings/backup')).text).not.toContain('name="passphrase-removal"');
  });
});
