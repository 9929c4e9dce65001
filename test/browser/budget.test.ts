import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { complaintsOf, openBrowser, signIn } from '../support/browser.ts';
import { type Service, startService } from '../support/service.ts';

const BUDGET_BYTES = 150_000;

describe('what pages cost', () => {
  let service: Service;
  let browser: Browser;
  const cleanUp = new AsyncDisposableStack();

  beforeAll(async () => {
    service = cleanUp.use(await startService());
    browser = cleanUp.use(await openBrowser());
  });
  afterAll(() => cleanUp.disposeAsync());

  /** Bytes on the wire, headers included, as the browser's own network panel counts them, and where they came from. */
  async function watch(page: Page) {
    const session = await page.context().newCDPSession(page);
    await session.send('Network.enable');
    await session.send('Network.setCacheDisabled', { cacheDisabled: true });
    const seen = { bytes: 0, origins: new Set<string>() };
    session.on('Network.loadingFinished', ({ encodedDataLength }) => (seen.bytes += encodedDataLength));
    session.on('Network.requestWillBeSent', ({ request }) =>
      seen.origins.add(new URL(request.url).protocol === 'data:' ? 'data:' : new URL(request.url).origin),
    );
    return seen;
  }

  it.each(['/login', '/devices', '/admin', '/admin/users'])(
    '%s takes at most 150 kB, everything from the box, and nothing that its policy forbids',
    async (path) => {
      const page = await (await browser.newContext()).newPage();
      const complaints = complaintsOf(page);
      if (path !== '/login') await signIn(page, service.url);
      const seen = await watch(page);
      await page.goto(service.url + path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      console.log(`${path}: ${(seen.bytes / 1_000).toFixed(1)} kB on the wire without a cache`);
      expect(seen.bytes).toBeGreaterThan(5_000);
      expect(seen.bytes).toBeLessThanOrEqual(BUDGET_BYTES);
      expect([...seen.origins].filter((origin) => origin !== 'data:')).toEqual([service.url]);
      expect(complaints).toEqual([]);
    },
  );
});
