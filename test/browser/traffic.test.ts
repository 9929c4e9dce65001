import Database from 'better-sqlite3';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { complaintsOf, openBrowser, signIn } from '../support/browser.ts';
import { type Service, startService } from '../support/service.ts';

const MIB = 2 ** 20;

describe('traffic on the pages', () => {
  let service: Service;
  let browser: Awaited<ReturnType<typeof openBrowser>>;
  let page: Page;
  let deviceUrl: string;
  const cleanUp = new AsyncDisposableStack();

  beforeAll(async () => {
    service = cleanUp.use(await startService());
    browser = cleanUp.use(await openBrowser());
    page = await browser.newPage();
    await signIn(page, service.url);
    await page.goto(`${service.url}/devices/new`);
    await page.getByLabel('Name').fill('Laptop');
    await page.getByRole('button', { name: 'Add a device' }).click();
    await page.getByRole('link', { name: 'Done' }).click();
    await page.waitForURL(/devices\/[0-9a-f-]{36}$/);
    deviceUrl = page.url();
    const id = deviceUrl.split('/').at(-1);
    await service.stop();
    const db = new Database(`${service.dataDirectory}/wiregui.db`);
    for (const seconds of [300, 3_600, 86_400]) {
      const startsAt = Math.floor(Date.now() / 1_000 / seconds) * seconds * 1_000;
      db.prepare('INSERT INTO traffic_devices (span, starts_at, rx_bytes, tx_bytes, device_id) VALUES (?, ?, ?, ?, ?)').run(
        seconds,
        startsAt,
        3 * MIB,
        700 * MIB,
        id,
      );
      db.prepare('INSERT INTO traffic_box (span, starts_at, rx_bytes, tx_bytes) VALUES (?, ?, ?, ?)').run(seconds, startsAt, 3 * MIB, 700 * MIB);
    }
    db.close();
    await service.start();
  });
  afterAll(() => cleanUp.disposeAsync());

  it('is drawn for the box, a device and a user, within the content security policy', async () => {
    const complaints = complaintsOf(page);
    await page.goto(`${service.url}/admin/users`);
    const userPath = await page.getByRole('link', { name: 'admin@example.com' }).getAttribute('href');
    for (const url of [`${service.url}/admin`, deviceUrl, service.url + userPath]) {
      await page.goto(url);
      await page.locator('.traffic-graph canvas').waitFor();
      expect(await page.locator('.traffic-sums').innerText()).toMatch(/700 MiB[\s\S]*3\.0 MiB/);
    }
    expect(complaints).toEqual([]);
  });

  it('changes its range without loading the page anew, and says under the pointer what was when', async () => {
    await page.goto(`${service.url}/admin`);
    await page.evaluate(() => Object.assign(globalThis, { isSamePage: true }));
    await page.getByRole('link', { name: 'Year', exact: true }).click();
    await page.locator('.traffic-graph[data-range="year"] canvas').waitFor();
    expect(await page.evaluate(() => 'isSamePage' in globalThis)).toBe(true);
    const over = page.locator('.u-over');
    const box = await over.boundingBox();
    await over.hover({ position: { x: (box?.width ?? 2) - 1, y: 20 } });
    await page.getByText(/^\w{3} \d+, \d{4}.*bit\/s/).waitFor({ timeout: 5_000 });
  });

  it('moves nothing on the page and keeps graph and focus when something live comes in', async () => {
    await page.goto(`${service.url}/admin`);
    await page.locator('.traffic-graph canvas').waitFor();
    await page.getByText('Show as a table').click();
    const shift = await page.evaluate(async () => {
      let sum = 0;
      const observer = new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) sum += (entry as unknown as { value: number }).value;
      });
      observer.observe({ type: 'layout-shift', buffered: false });
      for (const topic of ['devices', 'network', 'notifications']) {
        const swapped = new Promise((resolve) => document.addEventListener('htmx:after:swap', resolve, { once: true }));
        document.body.dispatchEvent(new CustomEvent(`live:${topic}`));
        await swapped;
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      }
      observer.disconnect();
      return sum;
    });
    await page.locator('.traffic-graph canvas').waitFor();
    expect(shift).toBe(0);
    expect(await page.locator('.traffic-graph canvas').count()).toBe(1);
    expect(await page.locator('.traffic-table[open] summary').evaluate((summary) => summary === document.activeElement)).toBe(true);
    const talker = page.locator('#talkers .row-link').first();
    await talker.focus();
    await page.evaluate(() => document.body.dispatchEvent(new CustomEvent('live:devices')));
    await page.waitForResponse((answer) => new URL(answer.url()).pathname === '/admin');
    expect(await talker.evaluate((link) => link === document.activeElement)).toBe(true);
    await page.getByText('Throughput now').waitFor();
    await page.locator('[data-rate="total"]').getByText('0 bit/s').first().waitFor({ timeout: 10_000 });
  });

  it('is a table without scripts, for each range', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const plain = await context.newPage();
    await signIn(plain, service.url);
    await plain.goto(deviceUrl);
    for (const range of ['Hour', 'Day', 'Month', 'Year']) {
      await plain.getByRole('link', { name: range, exact: true }).click();
      await plain.getByText('Show as a table').click();
      expect(await plain.locator('.traffic-table tbody tr').allInnerTexts(), range).toEqual([expect.stringMatching(/\d.*\t700 MiB\t3\.0 MiB/)]);
    }
    await context.close();
  });
});
