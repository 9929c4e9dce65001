// `npm run gallery`: a picture of every page, of a box with people, devices and traffic that are made up.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { openBrowser, signIn } from '../support/browser.ts';
import { createDemo, type Demo } from '../support/demo.ts';
import { at, CHAPTERS, OUTSIDE } from './page-list.ts';

const FOLDER = join(import.meta.dirname, 'gallery');
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 800 };
/** Those that the main README shows, also dark and on a phone. */
const SHOWN = ['dashboard', 'devices'];

await using demo = await createDemo();
await using browser = await openBrowser();
rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER);

await photograph(browser, demo, DESKTOP, 'light', '', () => true);
await photograph(browser, demo, DESKTOP, 'dark', '-dark', (name) => SHOWN.includes(name));
await photograph(browser, demo, PHONE, 'light', '-phone', (name) => SHOWN.includes(name));
writeFileSync(join(FOLDER, 'README.md'), contents());

async function photograph(
  { newContext }: Pick<Browser, 'newContext'>,
  { box, ids }: Demo,
  viewport: typeof DESKTOP,
  colorScheme: 'light' | 'dark',
  suffix: string,
  isWanted: (name: string) => boolean,
): Promise<void> {
  const context = await newContext.call(browser, { viewport, colorScheme, timezoneId: 'UTC', locale: 'en-GB' });
  const page = await context.newPage();
  await page.clock.setFixedTime(box.clock.now());
  const take = async (pages: Readonly<Record<string, string>>) => {
    for (const [name, path] of Object.entries(pages).filter(([name]) => isWanted(name))) {
      await page.goto(box.url + at(path, ids));
      await shoot(page, name + suffix);
    }
  };
  await take(OUTSIDE);
  await signIn(page, box.url);
  for (const pages of Object.values(CHAPTERS)) await take(pages);
  await context.close();
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
  const parts = Object.entries({ 'Signing in': OUTSIDE, ...CHAPTERS }).map(
    ([title, pages]) => `## ${title}\n\n${Object.entries(pages).map(figure).join('\n\n')}`,
  );
  const more = SHOWN.flatMap((name) => [`${name}-dark`, `${name}-phone`]).map((name) => `![${name}](${name}.webp)`);
  return `# Every page\n\nMade by \`npm run gallery\`; people, devices and traffic are made up.\n\n${parts.join('\n\n')}\n\n## Dark, and on a phone\n\n${more.join('\n\n')}\n`;
}

function figure([name, path]: [string, string]): string {
  return `\`${path}\`\n\n![${name}](${name}.webp)`;
}
