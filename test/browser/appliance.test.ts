import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { createAppliance } from '../support/appliance.ts';
import { complaintsOf, openBrowser, signIn } from '../support/browser.ts';
import { until } from '../support/wait.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SCREENSHOTS = join(import.meta.dirname, 'screenshots');
const KEYS = [
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAhnGxVhaaF+vhUsQA3xrfmNNza9ZWTRGDMO87Y3+iay alice@laptop',
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDoGPfhCXbKmBtWXi1pHwW1WAmxzzYr8GcQOnX4t0bkk The laptop in the meeting room, next to the window that does not close',
];

describe('the pages of an appliance', () => {
  const appliance = createAppliance();
  const cleanUp = new AsyncDisposableStack();
  let box: TestApp;
  let browser: Awaited<ReturnType<typeof openBrowser>>;
  let keys: readonly string[];
  let written: string[];

  beforeAll(async () => {
    keys = [];
    written = ['Started WireGUI', 'device created', `A line that is long: ${'x'.repeat(300)}`];
    appliance.verbs['ssh-state'] = () => [
      `on=${keys.length > 0 ? 'yes' : 'no'}`,
      'unit=active',
      ...(keys.length > 0 ? ['host=SHA256:d3bcW2GweJSW4KUEk6p/EXKzgleW14DxCwA5Yo5A5go'] : []),
      ...keys.map((key) => `key=${key}`),
    ];
    appliance.verbs['logs'] = (content) =>
      written
        .map((MESSAGE, index) =>
          JSON.stringify({ __REALTIME_TIMESTAMP: '1764000000000000', MESSAGE, PRIORITY: index === 1 ? '3' : '6', __CURSOR: `s=1;i=${index + 1}` }),
        )
        .slice(Number(/i=(\d+)\n$/.exec(content)?.[1] ?? 0));
    cleanUp.use(appliance);
    box = cleanUp.use(await createTestApp({ env: { ...appliance.env, WG_EXTERNAL_URL: 'http://localhost:13000' } }));
    browser = cleanUp.use(await openBrowser());
    mkdirSync(SCREENSHOTS, { recursive: true });
  });
  afterAll(() => cleanUp.disposeAsync());

  async function openedAt(path: string, width: number, colorScheme: 'light' | 'dark') {
    const page = await (await browser.newContext({ viewport: { width, height: 900 }, colorScheme })).newPage();
    const complaints = complaintsOf(page);
    await signIn(page, box.url);
    await page.goto(box.url + path);
    return { page, complaints };
  }

  it.each([
    [390, 'light'],
    [1280, 'dark'],
  ] as const)('of SSH and logs are right at %d pixels, %s', async (width, scheme) => {
    for (const [name, path, present] of [
      ['ssh-none', '/admin/system/ssh', []],
      ['ssh', '/admin/system/ssh', KEYS],
      ['logs', '/admin/system/logs', KEYS],
    ] as const) {
      keys = present;
      const { page, complaints } = await openedAt(path, width, scheme);
      await page.screenshot({ path: join(SCREENSHOTS, `${name}-${width}-${scheme}.png`), fullPage: true });
      expect([name, await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)]).toEqual([name, 0]);
      // As a debugger does: the page's own policy lets no other script in.
      await page.evaluate(AXE);
      const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string }[] }> } }).axe.run());
      expect([name, violations.map(({ id }) => id), complaints]).toEqual([name, [], []]);
      await page.close();
    }
  });

  it('show new lines of the logs as they are written, as text, the newest first, and end with the session', async () => {
    const { page, complaints } = await openedAt('/admin/system/logs?follow=on', 1280, 'light');
    const lines = page.locator('#log li');
    expect(await lines.count()).toBe(3);
    written.push('<img src=x onerror=alert(1)>');
    await until('the new line is there', async () => {
      box.clock.advance(2_000);
      return (await lines.count()) === 4;
    });
    expect(await lines.first().textContent()).toContain(': <img src=x onerror=alert(1)>');
    written.push(...Array.from({ length: 600 }, (_, index) => `line ${index}`));
    await until('five hundred lines stay', async () => {
      box.clock.advance(2_000);
      return (await lines.first().textContent())?.endsWith('line 599') === true;
    });
    expect(await lines.count()).toBe(500);
    expect(complaints).toEqual([]);
    await page.context().request.post(`${box.url}/logout`, { headers: { 'sec-fetch-site': 'same-origin' } });
    await page.getByText('The box tells no more of what is new').waitFor();
    await page.close();
  });
});
