import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { complaintsOf, openBrowser, signIn } from '../support/browser.ts';
import { type Service, startService } from '../support/service.ts';

describe('the list of rules, with scripts', () => {
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
    for (const comment of ['first', 'second', 'third']) {
      await page.goto(`${service.url}/admin/rules/new`);
      await page.getByLabel('Comment').fill(comment);
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('The rule is in force.').waitFor();
    }
  });
  afterAll(() => cleanUp.disposeAsync());

  const order = () => page.locator('.rule-comment').allTextContents();
  const eventually = (expected: readonly string[]) =>
    page.waitForFunction((texts) => [...document.querySelectorAll('.rule-comment')].map((part) => part.textContent).join() === texts.join(), expected);

  it('is put in order by keyboard, and the focus stays on the arrow', async () => {
    await page.goto(`${service.url}/admin/rules`);
    const up = page.getByRole('button', { name: 'Move up: third' });
    await up.focus();
    const id = await up.getAttribute('id');
    await page.keyboard.press('Enter');
    await eventually(['first', 'third', 'second']);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe(id);
    await page.keyboard.press('Enter');
    await eventually(['third', 'first', 'second']);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe(id);
  });

  it('is put in order by dragging a rule by its handle', async () => {
    await page.goto(`${service.url}/admin/rules`);
    const rules = page.locator('.rule');
    await rules.nth(2).locator('.rule-handle').hover();
    await page.mouse.down();
    const box = await rules.nth(0).boundingBox();
    await page.mouse.move((box?.x ?? 0) + 40, (box?.y ?? 0) + 12, { steps: 8 });
    await page.mouse.move((box?.x ?? 0) + 40, (box?.y ?? 0) + 5, { steps: 4 });
    await page.mouse.up();
    await eventually(['second', 'third', 'first']);
    await page.reload();
    expect(await order()).toEqual(['second', 'third', 'first']);
  });

  it('lets a rule be edited where it stands', async () => {
    await page.goto(`${service.url}/admin/rules`);
    await page.locator('.rule').nth(1).locator('.row-link').click();
    await page.locator('.rule #rule-form').waitFor();
    expect(new URL(page.url()).pathname).toBe('/admin/rules');
    await page.locator('.rule #rule-form').getByLabel('Destination').fill('10.7.7.7');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('The rule was saved.').waitFor();
    expect(await page.locator('.rule').nth(1).textContent()).toContain('10.7.7.7');
  });

  it('answers who reaches what without leaving the page', async () => {
    await page.goto(`${service.url}/admin/rules/simulator`);
    await page.getByLabel('Address').fill('10.7.7.7');
    await page.getByLabel('Port').fill('22');
    await page.getByRole('button', { name: 'Ask' }).click();
    await page.getByText('Dropped').waitFor();
    expect(page.url()).toContain('destination=10.7.7.7');
  });

  it('breaks no content security policy', () => expect(complaints).toEqual([]));
});
