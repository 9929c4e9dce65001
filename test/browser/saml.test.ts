import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { complaintsOf, openBrowser, signIn } from '../support/browser.ts';
import { type Saying, serveIdp } from '../support/saml-idp.ts';
import { type Service, startService } from '../support/service.ts';
import { PHP_USER, startSimpleSamlPhp } from '../support/simplesamlphp.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SCREENSHOTS = join(import.meta.dirname, 'screenshots');
const SETTINGS = '/admin/settings/saml';

describe('SAML in a browser', () => {
  let service: Service;
  let browser: Browser & AsyncDisposable;
  let idp: Awaited<ReturnType<typeof serveIdp>>;
  let saying: Saying = {};
  beforeAll(async () => {
    service = await startService();
    browser = await openBrowser();
    idp = await serveIdp(() => saying);
  });
  afterAll(async () => {
    await browser[Symbol.asyncDispose]();
    await idp[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
  });

  async function withPage(options: Parameters<Browser['newPage']>[0], work: (page: Page) => Promise<void>): Promise<void> {
    const page = await browser.newPage(options);
    try {
      await work(page);
    } finally {
      await page.close();
    }
  }

  /** What axe and a look at the page's width find. */
  async function expectSound(page: Page, name: string): Promise<void> {
    for (const width of [390, 1280]) {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.setViewportSize({ width, height: 900 });
        // Colours that are on their way would be judged.
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await page.screenshot({ path: join(SCREENSHOTS, `saml-${name}-${width}-${colorScheme}.png`), fullPage: true });
        expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), `${name} at ${width}`).toBe(true);
        await page.evaluate(AXE);
        const found = (await page.evaluate('axe.run()')) as { violations: { id: string; nodes: { html: string }[] }[] };
        expect(found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
      }
    }
  }

  it('an administrator adds a provider and finds what to register there', async () => {
    await withPage({}, async (page) => {
      const complaints = complaintsOf(page);
      await signIn(page, service.url);
      await page.goto(`${service.url}${SETTINGS}`);
      await expectSound(page, 'none');
      await page.getByRole('link', { name: 'Add a SAML provider' }).first().click();
      await expectSound(page, 'new');
      await page.getByLabel('Short name').fill('acme');
      await page.getByLabel('Label').fill('The accounts of Acme International Widgets and Sons, at home and abroad');
      await page.getByLabel('Metadata (XML)').fill('nonsense');
      await page.getByLabel('Make accounts for people who have none').check();
      await page.getByRole('button', { name: 'Save' }).click();
      expect(await page.getByLabel('Metadata (XML)').getAttribute('aria-invalid')).toBe('true');
      await page.getByLabel('Metadata (XML)').fill(idp.metadata());
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Register this box at the provider').first().waitFor();
      expect(await page.locator('#saml-consumerUrl').textContent()).toBe(`${service.url}/auth/saml/sp/consume/acme`);
      await expectSound(page, 'provider');
      // The first provider that asks for them has the key made.
      await fetch(`${service.url}/auth/saml/sp/metadata/acme`);
      await page.goto(`${service.url}${SETTINGS}`);
      await expectSound(page, 'list');
      await page.getByRole('link', { name: 'Renew key' }).click();
      await page.getByRole('button', { name: 'Renew key' }).click();
      await expectSound(page, 'renewing');
      expect(complaints.filter((one) => !one.includes('422'))).toEqual([]);
    });
  });

  it.each([true, false])('somebody signs in through another site’s form, with scripts: %s', async (javaScriptEnabled) => {
    saying = { nameId: `scripts-${javaScriptEnabled}@example.com` };
    await withPage({ javaScriptEnabled }, async (page) => {
      await page.goto(`${service.url}/login?return_to=/devices/new`);
      await page.getByRole('link', { name: 'The accounts of Acme' }).click();
      if (!javaScriptEnabled) await page.getByRole('button', { name: 'Continue' }).click();
      await page.waitForURL(`${service.url}/devices/new`);
      await page.goto(`${service.url}/account`);
      expect(await page.textContent('main')).toContain(saying.nameId);
    });
  });

  it.each([true, false])('somebody connects a provider to their account, with scripts: %s', async (javaScriptEnabled) => {
    saying = { nameId: `connected-${javaScriptEnabled}@corp.example` };
    await withPage({ javaScriptEnabled }, async (page) => {
      const complaints = complaintsOf(page);
      await signIn(page, service.url);
      await page.goto(`${service.url}/account`);
      await page.getByRole('button', { name: 'Connect The accounts of Acme' }).click();
      if (javaScriptEnabled) await expectSound(page, 'connect');
      await page.getByRole('link', { name: 'Go on' }).click();
      if (!javaScriptEnabled) await page.getByRole('button', { name: 'Continue' }).click();
      await page.waitForURL(`${service.url}/account`);
      expect(await page.textContent('main')).toContain(saying.nameId);
      await page
        .getByRole('row', { name: saying.nameId ?? '' })
        .getByRole('link', { name: 'Disconnect' })
        .click();
      await page.getByRole('button', { name: 'Disconnect' }).click();
      expect(complaints).toEqual([]);
    });
  });

  it('an answer that is not taken is explained', async () => {
    saying = { audience: 'https://elsewhere.example' };
    await withPage({}, async (page) => {
      await page.goto(`${service.url}/auth/saml/auth/signin/acme`);
      await page.getByText('it is meant for another service').waitFor();
      await expectSound(page, 'refused');
    });
  });

  it('somebody signs in at SimpleSAMLphp’s own page', async () => {
    await using provider = await startSimpleSamlPhp();
    await withPage({}, async (page) => {
      await signIn(page, service.url);
      await page.goto(`${service.url}${SETTINGS}/new`);
      await page.getByLabel('Short name').fill('php');
      await page.getByLabel('Label').fill('PHP');
      await page.getByLabel('Metadata address').fill(provider.metadataUrl);
      await page.getByLabel('The address may lead to this box').check();
      await page.getByLabel('Attribute with the email').fill('email');
      await page.getByLabel('Make accounts').check();
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Register this box').first().waitFor();
    });
    provider.register(await (await fetch(`${service.url}/auth/saml/sp/metadata/php`)).text());
    await withPage({}, async (page) => {
      await page.goto(`${service.url}/login`);
      await page.getByRole('link', { name: 'PHP' }).click();
      await page.locator('#username').fill(PHP_USER.name);
      await page.locator('#password').fill(PHP_USER.password);
      await page.locator('form[name="f"] button, #submit_button').first().click();
      await page.waitForURL(`${service.url}/devices`);
      await page.goto(`${service.url}/account`);
      expect(await page.textContent('main')).toContain(PHP_USER.email);
    });
  });
});
