import type { Browser, Page } from 'playwright-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemActor } from '../../core/accounts/permissions.ts';
import { ADMIN, createTestApp, type TestApp } from '../support/app.ts';
import { openBrowser, signIn } from '../support/browser.ts';

const MINUTE = 60_000;
const BOB = { email: 'bob@example.com', password: 'a password for bob' };

describe('the warning before a VPN session ends, on a page that is open already', () => {
  let box: TestApp;
  let browser: Browser;
  let page: Page;
  let cleanUp: AsyncDisposableStack;

  beforeEach(async () => {
    cleanUp = new AsyncDisposableStack();
    box = cleanUp.use(await createTestApp());
    browser = cleanUp.use(await openBrowser());
    await hold(20);
    page = await open(ADMIN);
    await page.goto(`${box.url}/devices/new`);
    await page.getByLabel('Name').fill('Phone');
    await page.getByRole('button', { name: 'Add a device' }).click();
    await page.getByRole('link', { name: 'Done' }).click();
    await openLive(page, '/devices');
  });
  afterEach(() => cleanUp.disposeAsync());

  const hold = (minutes: number) =>
    box.app.settings.update(systemActor('test', 'job'), box.app.sections.security, { vpnSessionDuration: minutes * 60 }).then(() => {});

  async function open(who: typeof ADMIN): Promise<Page> {
    const opened = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
    await opened.clock.setFixedTime(box.clock.now());
    await signIn(opened, box.url, who);
    return opened;
  }

  /** Opens a page and waits until its stream stands, also after what ends it. */
  async function openLive(opened: Page, path: string): Promise<void> {
    const stream = opened.waitForResponse((answer) => answer.url().includes('/live') && answer.frame().url().endsWith(path));
    await opened.goto(box.url + path);
    await stream;
  }

  async function pass(minutes: number): Promise<void> {
    await page.clock.setFixedTime(new Date(box.clock.now().getTime() + minutes * MINUTE));
    box.clock.advance(minutes * MINUTE);
  }

  const warning = () => page.getByText('Your VPN session ends in');

  it('comes when the time has come, moves nothing, counts down, and says when it is over', async () => {
    await pass(16);
    await openLive(page, '/devices');
    expect(await warning().count()).toBe(0);
    await page.getByRole('link', { name: 'Phone' }).focus();
    const before = await page.getByRole('heading', { level: 1 }).boundingBox();
    await pass(2.5);
    await warning().waitFor({ timeout: 5_000 });
    expect(await page.locator('#vpn-session .countdown').textContent()).toBe('1 min 30 s');
    expect(await page.getByRole('heading', { level: 1 }).boundingBox()).toEqual(before);
    expect(await page.getByRole('link', { name: 'Phone' }).evaluate((link) => link === document.activeElement)).toBe(true);
    await page.locator('#vpn-session button').focus();
    await pass(2);
    await page.getByText('Your VPN session is over').waitFor({ timeout: 5_000 });
    expect(await page.locator('#vpn-session button').evaluate((button) => button === document.activeElement)).toBe(true);
    await page.getByRole('button', { name: 'Sign in again' }).click();
    await page.waitForURL(`${box.url}/login?return_to=%2Fdevices`);
  });

  it('is nobody else’s', async () => {
    await box.app.users.create(systemActor('test', 'job'), { ...BOB, role: 'unprivileged' });
    await pass(10);
    const bob = await open(BOB);
    await pass(7);
    await Promise.all([openLive(page, '/devices'), openLive(bob, '/devices')]);
    const asked: string[] = [];
    bob.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await pass(2);
    await warning().waitFor({ timeout: 5_000 });
    expect(asked).not.toContain('/account/vpn-session');
  });

  it('comes and goes with the setting, and goes with a sign-in elsewhere', async () => {
    box.clock.advance(4 * MINUTE);
    await hold(4);
    await page.getByText('Your VPN session is over').waitFor({ timeout: 10_000 });
    await hold(60);
    await page.getByText('Your VPN session is over').waitFor({ state: 'detached', timeout: 10_000 });
    await hold(4);
    await page.getByText('Your VPN session is over').waitFor({ timeout: 10_000 });
    await open(ADMIN);
    await page.getByText('Your VPN session is over').waitFor({ state: 'detached', timeout: 10_000 });
  });
});
