import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiOf } from '../support/api.ts';
import { openBrowser, signIn } from '../support/browser.ts';
import { createPeers, type TestPeers } from '../support/peers.ts';

const BOB = { email: 'bob@example.com', password: 'a password for bob' };

describe('rates in the lists of devices', () => {
  let peers: TestPeers;
  let browser: Browser;
  const cleanUp = new AsyncDisposableStack();
  const busy = { key: '', id: '', userId: '' };

  beforeAll(async () => {
    peers = cleanUp.use(await createPeers());
    browser = cleanUp.use(await openBrowser());
    const api = await apiOf(peers.box);
    const { body: bob } = await api.call('POST', '/users', BOB);
    for (const name of ['Quiet phone', 'Busy laptop']) {
      const { body } = await api.call('POST', '/devices', { name, user_id: bob.id });
      Object.assign(busy, { key: body.public_key, id: body.id, userId: bob.id });
    }
    await api.call('POST', '/devices', { name: 'Another one' });
  });
  afterAll(() => cleanUp.disposeAsync());

  let moved = 0;
  /** The laptop downloads 1.5 MB/s, 12 Mbit/s. */
  async function transfer(): Promise<void> {
    moved += 3_000_000;
    peers.counters.set(busy.key, { rx: moved / 10, tx: moved, at: peers.box.clock.now() });
    await peers.poll(2_000);
  }

  async function open(path: string, who: typeof BOB | undefined, width: number): Promise<{ page: Page; asked: Promise<readonly string[]> }> {
    const page = await (await browser.newContext({ viewport: { width, height: 900 } })).newPage();
    await signIn(page, peers.box.url, who);
    const asked = nextAsked(page, path);
    await page.goto(peers.box.url + path);
    return { page, asked };
  }

  /** What the stream is asked for that a page with this path opens next. */
  async function nextAsked(page: Page, path: string): Promise<readonly string[]> {
    const response = await page.waitForResponse((answer) => answer.url().includes('/live?rates') && answer.frame().url().includes(path));
    return (new URL(response.url()).searchParams.get('rates') ?? '').split(' ');
  }

  const row = (page: Page, name: string) => page.getByRole('row').filter({ hasText: name });
  const shifts = (page: Page) =>
    page.evaluate(() => {
      const seen = globalThis as unknown as { shifted: number };
      seen.shifted = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) seen.shifted += (entry as unknown as { value: number }).value;
      }).observe({ type: 'layout-shift' });
    });

  it.each([
    ['/admin/devices', undefined, 1280],
    ['/admin/devices', undefined, 390],
    ['/admin/devices?user=', undefined, 1280],
    ['/devices', BOB, 1280],
    ['/devices', BOB, 390],
  ])('%s for %o at %d px: arrive without moving anything, and are a dash where nothing is moved', async (path, who, width) => {
    const { page, asked } = await open(path.replace('user=', `user=${busy.userId}`), who, width);
    const isEverybodys = path === '/admin/devices';
    expect(await asked).toHaveLength(isEverybodys ? 3 : 2);
    expect(await row(page, 'Busy laptop').locator('[data-rate]').allInnerTexts()).toEqual(['–', '–'].map((text) => expect.stringContaining(text)));
    await transfer();
    await shifts(page);
    await transfer();
    await row(page, 'Busy laptop').getByText('12 Mbit/s').waitFor({ timeout: 5_000 });
    await row(page, 'Busy laptop').getByText('1.2 Mbit/s').waitFor({ timeout: 5_000 });
    expect(await row(page, 'Quiet phone').locator('[data-direction]').allTextContents()).toEqual(['–', '–']);
    expect(await page.evaluate(() => (globalThis as unknown as { shifted: number }).shifted)).toBe(0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    await page.context().close();
  });

  it('are asked for anew when the list shows others', async () => {
    const { page, asked } = await open('/admin/devices', undefined, 1280);
    expect(await asked).toHaveLength(3);
    const next = nextAsked(page, '/admin/devices');
    await page.getByRole('searchbox').fill('Busy');
    expect(await next).toEqual([busy.id]);
    await transfer();
    await transfer();
    await row(page, 'Busy laptop').getByText('12 Mbit/s').waitFor({ timeout: 5_000 });
    await page.context().close();
  });
});
