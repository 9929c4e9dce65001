import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { complaintsOf, openBrowser, signIn } from '../support/browser.ts';
import { type Service, startService } from '../support/service.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SCREENSHOTS = join(import.meta.dirname, 'screenshots');
const WIDTHS = [390, 1280];
const SCHEMES = ['light', 'dark'] as const;
const LONG_NAME = 'The laptop in the meeting room on the second floor, next to the window that does not close';

/** Every page, by a name for its picture; `:id` stands for a device's id, `:user` for a user's. */
const PAGES: Readonly<Record<string, string>> = {
  devices: '/devices',
  'devices-new': '/devices/new',
  device: '/devices/:id',
  'device-edit': '/devices/:id/edit',
  'device-delete': '/devices/:id/delete',
  account: '/account',
  'token-new': '/account/tokens/new',
  dashboard: '/admin',
  users: '/admin/users',
  'users-none': '/admin/users?q=nobody-like-that',
  'user-new': '/admin/users/new',
  user: '/admin/users/:user',
  'admin-devices': '/admin/devices',
  'settings-client': '/admin/settings/client',
  'settings-network': '/admin/settings/network',
  'settings-security': '/admin/settings/security',
  'settings-firewall': '/admin/settings/firewall',
  diagnostics: '/admin/diagnostics',
  audit: '/admin/audit',
  plugins: '/admin/plugins',
  'not-found': '/there-is-no-such-page',
};

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
    await page.close();
  });
  afterAll(() => cleanUp.disposeAsync());

  for (const width of WIDTHS) {
    for (const colorScheme of SCHEMES) {
      it(`satisfies axe and the content security policy at ${width} px, ${colorScheme}`, async () => {
        const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, bypassCSP: false });
        const page = await context.newPage();
        const problems: string[] = [];
        await inspect(page, `${fresh.url}/setup`, `setup-${width}-${colorScheme}`, problems);
        await inspect(page, `${service.url}/login`, `login-${width}-${colorScheme}`, problems);
        await signIn(page, service.url);
        for (const [name, path] of Object.entries(PAGES)) {
          await inspect(page, service.url + path.replace(':id', ids.device).replace(':user', ids.user), `${name}-${width}-${colorScheme}`, problems);
        }
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

  async function inspect(page: Page, url: string, name: string, problems: string[]): Promise<void> {
    const complaints = complaintsOf(page);
    const answer = await page.goto(url);
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
