import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { complaintsOf, openBrowser, signIn } from '../support/browser.ts';
import { type Service, startService } from '../support/service.ts';
import { at, OUTSIDE, PAGES } from './page-list.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SCREENSHOTS = join(import.meta.dirname, 'screenshots');
const WIDTHS = [390, 1280];
const SCHEMES = ['light', 'dark'] as const;
const LONG_NAME = 'The laptop in the meeting room on the second floor, next to the window that does not close';

const RULES = [
  { action: 'accept', user: 'admin@example.com', destination: '10.0.0.5', protocol: 'tcp', portRange: '443', comment: LONG_NAME },
  { action: 'drop', destination: '10.0.0.0/8', comment: 'The office network' },
  { action: 'drop', destination: '2001:db8:1234:5678::/64', protocol: 'udp', portRange: '1000-2000' },
  { action: 'accept', protocol: 'icmp', priority: '7' },
];
const ASSERTIONS = [
  { expectation: 'reach', user: 'admin@example.com', destination: '10.0.0.5', protocol: 'tcp', portRange: '443' },
  { expectation: 'not-reach', destination: '192.168.0.0/16', comment: 'The cameras' },
];

describe('every page, at phone and desktop width, light and dark', () => {
  let service: Service;
  let fresh: Service;
  let browser: Browser;
  const cleanUp = new AsyncDisposableStack();
  const ids = { device: '', user: '' };

  beforeAll(async () => {
    service = cleanUp.use(await startService());
    fresh = cleanUp.use(await startService({ env: { WG_ADMIN_EMAIL: '' } }));
    browser = cleanUp.use(await openBrowser());
    mkdirSync(SCREENSHOTS, { recursive: true });
    const page = await browser.newPage();
    await signIn(page, service.url);
    for (const name of [LONG_NAME, 'Phone', 'Work laptop']) {
      await page.goto(`${service.url}/devices/new`);
      await page.getByLabel('Name').fill(name);
      await page.getByRole('button', { name: 'Add a device' }).click();
      await page.getByRole('link', { name: 'Done' }).click();
    }
    await page.waitForURL(/devices\/[0-9a-f-]{36}$/);
    ids.device = new URL(page.url()).pathname.split('/')[2] ?? '';
    await page.goto(`${service.url}/admin/users`);
    ids.user = (await page.getByRole('link', { name: 'admin@example.com' }).getAttribute('href'))?.split('/').at(-1) ?? '';
    for (const rule of RULES) await submit(page, '/admin/rules/new', rule);
    for (const assertion of ASSERTIONS) await submit(page, '/admin/rules/assertions/new', assertion);
    await page.close();
  });

  /** Fills in a form by its fields' names. */
  async function submit(page: Page, path: string, values: Readonly<Record<string, string>>): Promise<void> {
    await page.goto(service.url + path);
    for (const [name, value] of Object.entries(values)) {
      const input = page.locator(`#field-${name}`);
      if ((await input.evaluate((element) => element.tagName)) === 'SELECT') await input.selectOption(value);
      else await input.fill(value);
    }
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { level: 1 }).waitFor();
  }
  afterAll(() => cleanUp.disposeAsync());

  for (const width of WIDTHS) {
    for (const colorScheme of SCHEMES) {
      it(`satisfies axe and the content security policy at ${width} px, ${colorScheme}`, async () => {
        const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, bypassCSP: false });
        const page = await context.newPage();
        const problems: string[] = [];
        titles.clear();
        await inspect(page, `${fresh.url}/setup`, `setup-${width}-${colorScheme}`, problems);
        for (const [name, path] of Object.entries(OUTSIDE)) await inspect(page, service.url + path, `${name}-${width}-${colorScheme}`, problems);
        await signIn(page, service.url);
        for (const [name, path] of Object.entries(PAGES)) {
          await inspect(page, service.url + at(path, ids), `${name}-${width}-${colorScheme}`, problems);
        }
        await page.goto(`${service.url}/admin/devices`);
        await page.locator('[data-select]').first().check();
        await page.getByText('1 selected').waitFor();
        await look(page, `selected-${width}-${colorScheme}`, problems);
        await page.keyboard.press('Control+k');
        await page.keyboard.type('admin');
        await page.locator('.palette-option').first().waitFor();
        await look(page, `palette-${width}-${colorScheme}`, problems);
        await page.goto(`${service.url}/devices/new`);
        await page.getByLabel('Name').fill(`${colorScheme} ${width}`);
        await page.getByRole('button', { name: 'Add a device' }).click();
        await page.getByRole('link', { name: 'Done' }).waitFor();
        await look(page, `issued-${width}-${colorScheme}`, problems);
        expect(problems).toEqual([]);
        await context.close();
      }, 120_000);
    }
  }

  /** Pages by their titles. */
  const titles = new Map<string, string>();

  async function inspect(page: Page, url: string, name: string, problems: string[]): Promise<void> {
    const complaints = complaintsOf(page);
    const answer = await page.goto(url);
    const { pathname } = new URL(page.url());
    const title = await page.title();
    const other = titles.get(title) ?? pathname;
    titles.set(title, other);
    if (other !== pathname) problems.push(`${name}: has the title of ${other}`);
    await look(page, name, problems);
    // The browser itself reports a 404 as an error in the console.
    if (answer?.status() === 200) problems.push(...complaints.map((complaint) => `${name}: ${complaint}`));
  }

  async function look(page: Page, name: string, problems: string[]): Promise<void> {
    await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
    const width = page.viewportSize()?.width ?? 0;
    const scrollWidth = await page.evaluate(() => document.documentElement.scrollWidth);
    if (scrollWidth > width) problems.push(`${name}: scrolls sideways, ${scrollWidth} px`);
    // Evaluated by the test's own channel, which the page's policy does not forbid.
    await page.evaluate(AXE);
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(options: object): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> };
      };
      return (await axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })).violations;
    });
    problems.push(
      ...violations.map(
        ({ id, nodes }) => `${name}: ${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')} ${nodes[0]?.failureSummary.slice(0, 240)}`,
      ),
    );
  }
});
