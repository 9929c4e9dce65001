// `npm run gallery`: a picture of every page, of a box with people, devices and traffic that are made up.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { createTestApp } from '../support/app.ts';
import { openBrowser, signIn } from '../support/browser.ts';
import { createDemo } from '../support/demo.ts';
import { at, CHAPTERS, IN_USE, OUTSIDE } from './page-list.ts';

const FOLDER = join(import.meta.dirname, 'gallery');
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 800 };
/** Those that the main README shows, also dark and on a phone. */
const SHOWN = ['dashboard', 'devices'];
const { system: _elsewhere, ...upkeep } = CHAPTERS['Upkeep'] ?? {};
const INSIDE = { ...CHAPTERS, Upkeep: upkeep, ...IN_USE };

await using demo = await createDemo();
await using fresh = await createTestApp({ env: { WG_ADMIN_EMAIL: '', WG_WG_ENDPOINT_HOST: 'vpn.example.com' } });
await using browser = await openBrowser();
rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER);

await photograph(DESKTOP, 'light', '', () => true);
await photograph(DESKTOP, 'dark', '-dark', (name) => SHOWN.includes(name));
await photograph(PHONE, 'light', '-phone', (name) => SHOWN.includes(name));
writeFileSync(join(FOLDER, 'README.md'), contents());

async function photograph(viewport: typeof DESKTOP, colorScheme: 'light' | 'dark', suffix: string, isWanted: (name: string) => boolean): Promise<void> {
  const { box, ids, careful } = demo;
  const context = await browser.newContext({ viewport, colorScheme, timezoneId: 'UTC', locale: 'en-GB' });
  const page = await context.newPage();
  const take = async (pages: Readonly<Record<string, string>>, url = box.url) => {
    for (const [name, path] of Object.entries(pages).filter(([name]) => isWanted(name))) {
      await page.clock.setFixedTime(box.clock.now());
      await open(page, url + at(path, ids));
      await shoot(page, name + suffix);
    }
  };
  await take({ setup: '/setup' }, fresh.url);
  await take(OUTSIDE);
  await signIn(page, box.url, careful);
  await take({ mfa: '/mfa' });
  await context.clearCookies();
  await signIn(page, box.url);
  for (const pages of Object.values(INSIDE)) await take(pages);
  await context.close();
}

/** Where rates are shown there are some. */
async function open(page: Page, url: string): Promise<void> {
  const stream = page.waitForResponse((answer) => answer.url().includes('/live?rates') && answer.frame().url() === url);
  stream.catch(() => {});
  await page.goto(url);
  if ((await page.locator('[data-rate]').count()) === 0) return;
  await stream;
  await demo.transfer();
  await page.locator('[data-direction]').getByText('bit/s').first().waitFor();
}

/** Chromium writes WebP itself. */
async function shoot(page: Page, name: string): Promise<void> {
  await page.evaluate(() => document.fonts.ready);
  const devtools = await page.context().newCDPSession(page);
  const { data } = await devtools.send('Page.captureScreenshot', { format: 'webp', quality: 75 });
  await devtools.detach();
  writeFileSync(join(FOLDER, `${name}.webp`), Buffer.from(data, 'base64'));
}

function contents(): string {
  const parts = Object.entries({ 'Signing in': { setup: '/setup', ...OUTSIDE, mfa: '/mfa' }, ...INSIDE }).map(
    ([title, pages]) => `## ${title}\n\n${Object.entries(pages).map(figure).join('\n\n')}`,
  );
  const more = SHOWN.flatMap((name) => [`${name}-dark`, `${name}-phone`]).map((name) => `![${name}](${name}.webp)`);
  return `# Every page\n\nMade by \`npm run gallery\`; people, devices and traffic are made up.\n\n${parts.join('\n\n')}\n\n## Dark, and on a phone\n\n${more.join('\n\n')}\n`;
}

function figure([name, path]: [string, string]): string {
  return `\`${path}\`\n\n![${name}](${name}.webp)`;
}
