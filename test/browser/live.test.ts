import Database from 'better-sqlite3';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, signIn } from '../support/browser.ts';
import { type Service, startService } from '../support/service.ts';

describe('an open page', () => {
  let service: Service;
  let browser: Browser;
  let other: Page;
  const cleanUp = new AsyncDisposableStack();

  beforeAll(async () => {
    service = cleanUp.use(await startService());
    browser = cleanUp.use(await openBrowser());
    other = await signedIn();
  });
  afterAll(() => cleanUp.disposeAsync());

  async function signedIn(): Promise<Page> {
    const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
    await signIn(page, service.url);
    return page;
  }

  async function addDevice(name: string): Promise<void> {
    await other.goto(`${service.url}/devices/new`);
    await other.getByLabel('Name').fill(name);
    await other.getByRole('button', { name: 'Add a device' }).click();
    await other.getByRole('link', { name: 'Done' }).click();
    await other.getByRole('button', { name: 'Pause' }).waitFor();
  }

  it('shows what others change, without a reload, and keeps what is typed', async () => {
    const page = await signedIn();
    await page.goto(`${service.url}/admin/devices`);
    await page.getByText('No devices yet').waitFor();
    await page.getByRole('searchbox').focus();
    await addDevice('Fresh laptop');
    await page.getByRole('link', { name: 'Fresh laptop' }).waitFor({ timeout: 5_000 });
    expect(await page.getByRole('searchbox').evaluate((input) => input === document.activeElement)).toBe(true);

    await page.getByRole('searchbox').pressSequentially('nothing like it');
    await page.getByText('No devices match.').waitFor({ timeout: 5_000 });
    expect(page.url()).toContain('q=nothing+like+it');
    expect(await page.getByRole('searchbox').inputValue()).toBe('nothing like it');
  });

  it('keeps focus, ticks and every place while a value changes', async () => {
    await addDevice('Second laptop');
    const page = await signedIn();
    await page.goto(`${service.url}/admin/devices`);
    const tick = page.getByLabel(/^Select Fresh laptop/);
    await tick.check();
    await tick.focus();
    await page.evaluate(() => {
      const seen = globalThis as unknown as { shifted: number };
      seen.shifted = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) seen.shifted += (entry as unknown as { value: number }).value;
      }).observe({ type: 'layout-shift' });
    });
    await other.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('Paused', { exact: true }).and(page.locator('td *')).waitFor({ timeout: 5_000 });
    expect(await tick.isChecked()).toBe(true);
    expect(await tick.evaluate((box) => box === document.activeElement)).toBe(true);
    expect(await page.locator('.selection-count').textContent()).toBe('1 selected');
    expect(await page.evaluate(() => (globalThis as unknown as { shifted: number }).shifted)).toBe(0);
  });

  it('takes and shows moments in the zone of whoever looks, and the box keeps them in UTC', async () => {
    const page = await (await browser.newContext({ timezoneId: 'Asia/Tokyo', locale: 'en-GB' })).newPage();
    await signIn(page, service.url);
    await page.goto(`${service.url}/admin/devices`);
    await page.getByLabel(/^Select Second laptop/).check();
    await page.getByRole('button', { name: 'Expire at' }).click();
    await page.getByLabel('Expires at Asia/Tokyo').fill('2099-01-02T03:04');
    await page.getByRole('button', { name: 'Expire at' }).click();
    await page.getByText('1 device').first().waitFor();
    const csv = await page.evaluate(async () => (await fetch('/admin/devices.csv?q=Second+laptop')).text());
    expect(csv).toContain('2099-01-01T18:04:00.000Z');
    await page.getByRole('link', { name: 'Second laptop' }).click();
    await page.getByText('2 Jan 2099, 03:04').waitFor();
    await page.getByRole('link', { name: 'Edit' }).click();
    await page.getByText('More options').click();
    expect(await page.getByLabel('Expires at Asia/Tokyo').inputValue()).toBe('2099-01-02T03:04');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('2 Jan 2099, 03:04').waitFor();
    await page.context().close();
  });

  it('counts notifications as they come, and stops counting when they are read elsewhere', async () => {
    const page = await signedIn();
    await page.goto(`${service.url}/devices`);
    const badge = page.locator('#unread .badge');
    expect(await badge.count()).toBe(0);
    const db = new Database(`${service.dataDirectory}/wiregui.db`);
    db.prepare("INSERT INTO notifications (id, severity, about, message, created_at, updated_at) VALUES ('n', 'warning', 'disk', 'Nearly full', 1, 1)").run();
    db.close();
    await page.reload();
    expect(await badge.textContent()).toBe('1');
    await other.goto(`${service.url}/admin/notifications`);
    await other.getByText('Nearly full').first().waitFor();
    await badge.waitFor({ state: 'detached', timeout: 5_000 });
  });

  async function swap(page: Page, topic: string): Promise<void> {
    await page.evaluate(async (name) => {
      const swapped = new Promise((resolve) => document.addEventListener('htmx:after:swap', resolve, { once: true }));
      document.body.dispatchEvent(new CustomEvent(name));
      await swapped;
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    }, topic);
  }

  it('keeps focus in every part that is swapped, and what was opened there', async () => {
    const page = await signedIn();
    await page.goto(`${service.url}/devices`);
    const devicePath = (await page.locator('.row-link').first().getAttribute('href')) ?? '';
    const isFocusKept: Record<string, boolean> = {};
    for (const path of ['/admin', '/admin/users', '/admin/devices', '/devices', devicePath, '/admin/notifications', '/admin/diagnostics']) {
      await page.goto(service.url + path);
      for (const details of await page.locator('[hx-trigger*="live:"] details, #box details').all()) await details.locator('summary').click();
      const opened = await page.locator('details[open]').count();
      await page
        .locator('[data-select]')
        .first()
        .check({ timeout: 200 })
        .catch(() => {});
      for (const region of await page.locator('[hx-trigger*="live:"], #box').all()) {
        const topic = /live:[a-z-]+/.exec((await region.getAttribute('hx-trigger')) ?? '')?.[0] ?? 'live:devices';
        const all = await region.locator('a[href], button:visible, input:visible, summary:visible, [tabindex="0"]:visible').all();
        for (const element of new Set([all[0], all[Math.floor(all.length / 2)], all.at(-1)])) {
          if (!element) continue;
          const name = `${path} ${await element.evaluate(({ tagName, textContent }) => `${tagName} ${textContent.trim()}`)}`;
          await element.focus();
          await swap(page, topic);
          isFocusKept[name] = await element.evaluate((one) => one === document.activeElement).catch(() => false);
        }
      }
      expect(await page.locator('details[open]').count(), path).toBe(opened);
    }
    expect(Object.keys(isFocusKept).length).toBeGreaterThan(12);
    expect(Object.entries(isFocusKept).filter(([, isKept]) => !isKept)).toEqual([]);
    await page.context().close();
  });
});
