import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { complaintsOf, openBrowser, signIn } from '../support/browser.ts';
import { CLIENT, startProvider, type TestProvider } from '../support/oidc-provider.ts';
import { type Service, startService } from '../support/service.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SCREENSHOTS = join(import.meta.dirname, 'screenshots');
const ROOT = '/admin/settings/oidc';
const LONG = 'The identity provider of Example Ltd and all of its sisters and cousins';

describe('OpenID Connect in a browser', () => {
  let service: Service;
  let provider: TestProvider;
  let browser: Browser;
  let admin: Page;
  const cleanUp = new AsyncDisposableStack();

  beforeAll(async () => {
    service = cleanUp.use(await startService());
    provider = cleanUp.use(await startProvider([`${service.url}/auth/oidc/company/callback`], {}, [`${service.url}/login`]));
    provider.people.set('alice', { email: 'alice@example.com', email_verified: true });
    provider.people.set('owner', { email: 'someone@elsewhere.example', email_verified: true });
    browser = cleanUp.use(await openBrowser());
    mkdirSync(SCREENSHOTS, { recursive: true });
    admin = await browser.newPage();
    await signIn(admin, service.url);
  });
  afterAll(() => cleanUp.disposeAsync());

  const reads = (page: Page, text: string) => page.getByText(text).first().waitFor({ timeout: 10_000 });
  const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();

  async function fillIn(page: Page, id: string, label: string): Promise<void> {
    await page.getByLabel('Id', { exact: true }).fill(id);
    await page.getByLabel('Name on the button').fill(label);
    await page.getByLabel('Discovery address').fill(provider.issuer);
    await page.getByLabel('Client id').fill(CLIENT.id);
    await page.getByLabel('Client secret').fill(CLIENT.secret);
    await page.getByLabel('Make an account for whoever has none').check();
  }

  it('a provider is tested, then saved; what was filled in stays meanwhile', async () => {
    const complaints = complaintsOf(admin);
    await admin.goto(`${service.url}${ROOT}`);
    await reads(admin, 'No providers yet');
    await admin.getByRole('link', { name: 'Add an OpenID provider' }).first().click();
    await fillIn(admin, 'company', 'Company');
    expect(await admin.locator('#redirect-uri').textContent()).toBe(`${service.url}/auth/oidc/company/callback`);
    await press(admin, 'Test');
    await reads(admin, 'First mend the fields that are marked.');
    await admin.getByLabel('Allow plain http').check();
    await press(admin, 'Test');
    await reads(admin, 'It accepts the client id and secret.');
    expect(await admin.getByLabel('Client secret').inputValue()).toBe(CLIENT.secret);
    await press(admin, 'Save');
    await reads(admin, 'Company is on the sign-in page.');
    expect(complaints.filter((complaint) => !complaint.includes('422'))).toEqual([]);
  });

  it.each([
    ['on', true],
    ['off', false],
  ])('somebody signs in with JavaScript %s, and signs out here and there', async (_, javaScriptEnabled) => {
    const page = await (await browser.newContext({ javaScriptEnabled })).newPage();
    provider.loginAs = 'alice';
    await page.goto(`${service.url}/account`);
    await page.getByRole('link', { name: 'Company' }).click();
    await page.waitForURL(`${service.url}/account`);
    await reads(page, 'alice@example.com');
    await page.getByRole('button', { name: 'Sign out', exact: true }).first().click();
    await reads(page, 'You are signed out here. At Company you are still signed in.');
    await page.getByRole('link', { name: 'Sign out at Company, too' }).click();
    await page.getByRole('button', { name: /sign me out/i }).click();
    await page.waitForURL((address) => address.pathname === '/login');
    await page.context().close();
  });

  it('an administrator connects it to the account, and comes in by it', async () => {
    provider.loginAs = 'owner';
    await admin.goto(`${service.url}/account`);
    await admin.getByRole('link', { name: 'Connect Company' }).click();
    await reads(admin, 'Company is connected.');
    const page = await (await browser.newContext()).newPage();
    await page.goto(`${service.url}/login`);
    await page.getByRole('link', { name: 'Company' }).click();
    await page.waitForURL((address) => address.origin === service.url && address.pathname !== '/login');
    await page.goto(`${service.url}/admin/users`);
    await reads(page, 'alice@example.com');
    await page.context().close();
  });

  it('a provider is made, changed and deleted with JavaScript off', async () => {
    const page = await (await browser.newContext({ javaScriptEnabled: false, viewport: { width: 390, height: 800 } })).newPage();
    await signIn(page, service.url);
    await page.goto(`${service.url}${ROOT}/new`);
    await fillIn(page, 'other', LONG);
    await press(page, 'Test');
    await reads(page, 'must begin with https://');
    await page.getByLabel('Allow plain http').check();
    await page.getByLabel('Client secret').fill(CLIENT.secret);
    await press(page, 'Test');
    await reads(page, 'It accepts the client id and secret.');
    await page.getByLabel('Client secret').fill(CLIENT.secret);
    await press(page, 'Save');
    await reads(page, `${LONG} is on the sign-in page.`);
    await reads(page, `${service.url}/auth/oidc/other/callback`);
    await page.context().close();
  });

  for (const width of [390, 1280]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      it(`its pages satisfy axe and the content security policy at ${width} px, ${colorScheme}`, async () => {
        const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
        const page = await context.newPage();
        const complaints = complaintsOf(page);
        const problems: string[] = [];
        const look = async (name: string) => problems.push(...(await inspect(page, `oidc-${name}-${width}-${colorScheme}`)));
        await page.goto(`${service.url}/login`);
        await look('login');
        await page.goto(`${service.url}/auth/oidc/company/callback?state=x`);
        await look('failed');
        provider.loginAs = 'alice';
        await page.goto(`${service.url}/auth/oidc/company`);
        await page.waitForURL((address) => address.origin === service.url);
        await page.goto(`${service.url}/account`);
        await look('account');
        if (width < 768) await page.getByText('Menu', { exact: true }).first().click({ force: true });
        await page.getByRole('button', { name: 'Sign out', exact: true }).first().click();
        await reads(page, 'You are signed out here.');
        await look('signed-out');
        await signIn(page, service.url);
        for (const [name, path] of [
          ['providers', ROOT],
          ['new', `${ROOT}/new`],
          ['provider', `${ROOT}/providers/other`],
          ['delete', `${ROOT}/providers/company/delete`],
        ] as const) {
          await page.goto(service.url + path);
          await look(name);
        }
        await page.goto(`${service.url}${ROOT}/providers/company`);
        await press(page, 'Test');
        await reads(page, 'It accepts the client id and secret.');
        await look('tested');
        // The browser itself reports the refused callback.
        expect([...problems, ...complaints.filter((complaint) => !complaint.includes('401'))]).toEqual([]);
        await context.close();
      }, 120_000);
    }
  }

  it('a provider is deleted after a question that says what goes', async () => {
    await admin.goto(`${service.url}${ROOT}`);
    await admin.getByRole('link', { name: LONG }).click();
    await admin.getByRole('link', { name: 'Delete' }).click();
    await reads(admin, `Delete ${LONG}? Its button goes from the sign-in page.`);
    await press(admin, 'Delete');
    await reads(admin, `${LONG} is deleted.`);
  });
});

async function inspect(page: Page, name: string): Promise<readonly string[]> {
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
  const isTooWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } };
    return (await axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })).violations;
  });
  return [
    ...(isTooWide ? [`${name}: scrolls sideways`] : []),
    ...violations.map(({ id, nodes }) => `${name}: ${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`),
  ];
}
