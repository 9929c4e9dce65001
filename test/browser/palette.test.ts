import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { complaintsOf, openBrowser, signIn } from '../support/browser.ts';
import { type Service, startService } from '../support/service.ts';

describe('the command palette', () => {
  let service: Service;
  let browser: Browser;
  let page: Page;
  let complaints: readonly string[];
  const cleanUp = new AsyncDisposableStack();

  beforeAll(async () => {
    service = cleanUp.use(await startService());
    browser = cleanUp.use(await openBrowser());
    page = await browser.newPage();
    complaints = complaintsOf(page);
    await signIn(page, service.url);
    await page.goto(`${service.url}/devices`);
  });
  afterAll(() => cleanUp.disposeAsync());

  const box = () => page.getByRole('combobox', { name: /^Search/ });
  const active = () => page.evaluate(() => document.getElementById(document.activeElement?.getAttribute('aria-activedescendant') ?? '')?.textContent ?? null);

  it('opens by keyboard from its button, names what is chosen, and gives the focus back', async () => {
    const button = page.getByRole('button', { name: 'Search' });
    await button.focus();
    await page.keyboard.press('Space');
    await box().waitFor();
    await page.getByRole('option', { name: 'Users' }).waitFor();
    expect(await active()).toBe('My devices');
    await page.keyboard.press('ArrowDown');
    expect(await active()).toBe('Account');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    expect(await active()).toBe('Plugins');
    expect(await page.getByRole('option', { selected: true }).count()).toBe(1);
    await page.keyboard.press('Escape');
    await box().waitFor({ state: 'hidden' });
    expect(await button.evaluate((element) => element === document.activeElement)).toBe(true);
  });

  it('says when there is nothing', async () => {
    await page.keyboard.press('Control+k');
    await page.keyboard.type('nothing like it');
    await page.getByRole('status').filter({ hasText: 'Nothing found' }).waitFor();
    await page.keyboard.press('Escape');
  });

  it('goes where Enter says even before the list is there, and where a finger taps', async () => {
    await page.keyboard.press('Meta+k');
    await page.keyboard.type('audit');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${service.url}/admin/audit`);
    const phone = await (await browser.newContext({ viewport: { width: 390, height: 800 }, hasTouch: true })).newPage();
    await signIn(phone, service.url);
    await phone.getByRole('button', { name: 'Search' }).tap();
    await phone.getByRole('option', { name: 'Diagnostics' }).tap();
    await phone.waitForURL(`${service.url}/admin/diagnostics`);
  });

  it('breaks no content security policy', () => expect(complaints).toEqual([]));
});
