import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, signIn } from '../support/browser.ts';
import { type Service, startService } from '../support/service.ts';

const OWNER = { email: 'owner@example.com', password: 'the password of the owner' };

describe('with JavaScript off', () => {
  let service: Service;
  let browser: Browser;
  let page: Page;
  const cleanUp = new AsyncDisposableStack();

  beforeAll(async () => {
    service = cleanUp.use(await startService({ env: { WG_ADMIN_EMAIL: '' } }));
    browser = cleanUp.use(await openBrowser());
    page = await (await browser.newContext({ javaScriptEnabled: false, viewport: { width: 390, height: 800 } })).newPage();
  });
  afterAll(() => cleanUp.disposeAsync());

  const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
  const follow = (name: string) => page.getByRole('link', { name, exact: true }).first().click();
  const reads = (text: string) => page.getByText(text).first().waitFor({ timeout: 5_000 });

  it('the owner sets the box up with the code from the console', async () => {
    const [, code = ''] = /give the code (\S+)/.exec(service.output()) ?? [];
    await page.goto(service.url);
    await page.getByLabel('Set-up code').fill(code);
    await page.getByLabel('Your email').fill(OWNER.email);
    await page.getByLabel('Password').fill(OWNER.password);
    await press('Create and sign in');
    await reads('This box is yours now.');
  });

  it('a device is added, its configuration shown once and saved as a file', async () => {
    await page.goto(`${service.url}/devices/new`);
    await page.getByLabel('Name').fill('Phone');
    await press('Add a device');
    await reads('Your device is ready');
    expect(await page.locator('[data-qr] svg').count()).toBe(1);
    const [file] = await Promise.all([page.waitForEvent('download'), press('Download configuration')]);
    expect(file.suggestedFilename()).toBe('Phone.conf');
    expect(readFileSync(await file.path(), 'utf8')).toMatch(
      /^\[Interface\]\nPrivateKey = [A-Za-z0-9+/]{43}=\n[\s\S]*Endpoint = \S+:51820\nPersistentKeepalive = 25\n$/,
    );
  });

  it('a device is edited, given a new key, paused, resumed and deleted', async () => {
    await page.goto(`${service.url}/devices`);
    await follow('Phone');
    await follow('Edit');
    await page.getByLabel('Name').fill('Old phone');
    await page.getByText('More options').click();
    await page.getByLabel(/^MTU: use the default/).uncheck();
    await page.getByLabel('MTU', { exact: true }).fill('9000');
    await press('Save');
    await reads('must be a whole number from 576 to 1500');
    await page.getByLabel('MTU', { exact: true }).fill('1380');
    await press('Save');
    await reads('Old phone is saved.');
    await reads('1380');
    await follow('New key');
    await press('New key');
    await reads('The new key is in force');
    await follow('Done');
    await press('Pause');
    await reads('Old phone is paused.');
    await press('Undo');
    await reads('Old phone is active again.');
    await press('Pause');
    await press('Resume');
    await reads('Old phone is active again.');
    await follow('Delete');
    await press('Delete');
    await reads('No devices yet');
  });

  it('a user is made, changed, disabled, enabled and deleted', async () => {
    await page.goto(`${service.url}/admin/users/new`);
    await page.getByLabel('Email').fill('someone@example.com');
    await page.getByLabel('Password').fill('a password for someone');
    await press('Create');
    await reads('someone@example.com can sign in now.');
    await page.getByLabel('Role').selectOption('admin');
    await press('Save');
    await reads('someone@example.com is saved.');
    await follow('Disable');
    await press('Disable');
    await reads('Disabled');
    await press('Enable');
    await follow('Delete');
    await reads('with 0 devices');
    await press('Delete');
    await reads('someone@example.com is deleted.');
  });

  it('several users and devices are changed at once', async () => {
    for (const name of ['one', 'two']) {
      await page.goto(`${service.url}/admin/users/new`);
      await page.getByLabel('Email').fill(`${name}@example.com`);
      await press('Create');
      await reads('can sign in now.');
      await follow('Add a device');
      await page.getByLabel('Name').fill(`Device of ${name}`);
      await press('Add a device');
      await reads('Your device is ready');
    }
    await page.goto(`${service.url}/admin/users`);
    for (const name of ['one', 'two']) await page.getByLabel(`Select ${name}@example.com`).check();
    await press('Disable');
    await reads('Disable 2 users? Their sessions end and 2 devices lose their tunnels at once.');
    await press('Disable');
    await reads('2 users are disabled.');
    await press('Undo');
    await reads('2 users are enabled.');
    await page.goto(`${service.url}/admin/devices`);
    await page.getByLabel('Select Device of one, one@example.com').check();
    await press('Expire at…');
    await page.getByLabel('Expires at').fill('2000-01-01T00:00');
    await press('Expire at…');
    await reads('1 device has a new time of expiry.');
    await page.getByLabel('Status').selectOption('expired');
    await press('Search');
    await reads('1–1 of 1');
    await page.goto(`${service.url}/admin/users`);
    for (const name of ['one', 'two']) await page.getByLabel(`Select ${name}@example.com`).check();
    await press('Delete');
    await reads('Delete 2 users, with 2 devices?');
    await press('Delete');
    await reads('2 users are deleted.');
  });

  it('everything is found on a page', async () => {
    await page.goto(`${service.url}/devices`);
    await page.getByRole('link', { name: 'Search' }).click();
    await page.getByRole('searchbox').fill('audit');
    await press('Search');
    await follow('Audit log');
    await reads('Who did what.');
  });

  it('settings, plugins, tokens, theme and password are changed', async () => {
    await page.goto(`${service.url}/admin/settings/client`);
    await page.getByLabel('DNS servers').fill('9.9.9.9, not a name!');
    await press('Save');
    await reads('“name!” is neither an IP address nor a host name');
    await page.getByLabel('DNS servers').fill('9.9.9.9');
    await press('Save');
    await reads('The settings are saved.');
    await page.goto(`${service.url}/admin/plugins`);
    await page.getByRole('link', { name: 'Switch off REST API' }).click();
    await press('Switch off');
    await reads('REST API is off.');
    await page.getByRole('button', { name: 'Switch on REST API' }).click();
    await reads('REST API is on.');
    await page.goto(`${service.url}/account`);
    await follow('Create token');
    await page.getByLabel('Name').fill('Backup');
    await press('Create token');
    await reads('It is not shown again.');
    await follow('Done');
    await page.getByRole('link', { name: 'Revoke Backup' }).click();
    await press('Revoke');
    await reads('Backup is revoked.');
    await page.getByLabel('Present password').fill(OWNER.password);
    await page.getByLabel('New password').fill('a newer password indeed');
    await press('Change password');
    await reads('The password is changed');
  });

  it('signing out ends the session, and the phone’s menu opens', async () => {
    await page.goto(`${service.url}/devices`);
    await page.getByText('Menu', { exact: true }).first().click({ force: true });
    await press('Sign out');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await signIn(page, service.url, { email: OWNER.email, password: 'a newer password indeed' });
  });
});
