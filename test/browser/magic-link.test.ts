import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { complaintsOf, openBrowser, signIn } from '../support/browser.ts';
import { MAIL_PASSWORD, MAIL_USER, type MailServer, startMailServer } from '../support/mail-server.ts';
import { ADMIN, type Service, startService } from '../support/service.ts';
import { until } from '../support/wait.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

describe('a sign-in link, from the settings to the page that was asked for', () => {
  let service: Service;
  let server: MailServer;
  let browser: Browser;
  const cleanUp = new AsyncDisposableStack();
  const tokens: string[] = [];

  beforeAll(async () => {
    server = cleanUp.use(await startMailServer());
    service = cleanUp.use(await startService({ env: { WG_LOG_LEVEL: 'trace' } }));
    browser = cleanUp.use(await openBrowser());
  });
  afterAll(() => cleanUp.disposeAsync());

  const open = async (javaScriptEnabled: boolean): Promise<Page> =>
    (await browser.newContext({ javaScriptEnabled, viewport: { width: javaScriptEnabled ? 1280 : 390, height: 900 } })).newPage();
  const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
  const reads = (page: Page, text: string) => page.getByText(text).first().waitFor({ timeout: 5_000 });

  it('the command line sets the mail server, shows no password, and the service follows', async () => {
    const fields = ['host=localhost', `port=${server.port}`, `user=${MAIL_USER}`, 'password=a wrong one', 'fromAddress=vpn@example.com', `ca=${server.ca}`];
    const { exitCode, output } = await service.cli(['settings', 'mail', ...fields]);
    expect([exitCode, output]).toEqual([0, expect.stringContaining('hasPassword  true\n')]);
    expect(output).not.toContain('a wrong one');
    await until('the service follows', async () => (await (await fetch(`${service.url}/login`)).text()).includes('Email me a link'), 2_000);
  });

  it('the administrator corrects the password, without JavaScript, and sends a test', async () => {
    const page = await open(false);
    await signIn(page, service.url);
    await page.goto(`${service.url}/admin/settings/mail`);
    await page.getByRole('link', { name: 'Send a test' }).click();
    await press(page, 'Send');
    await reads(page, 'localhost does not accept the user name and password. It said: “535 5.7.8 Wrong password, try harder”');
    await page.getByRole('link', { name: 'Back' }).click();
    expect(await page.getByLabel('Password', { exact: true }).inputValue()).toBe('');
    await page.getByLabel('Password', { exact: true }).fill(MAIL_PASSWORD);
    await page.getByLabel('Sender’s name').fill('Our VPN');
    await press(page, 'Save');
    await reads(page, 'The settings are saved.');
    await page.getByRole('link', { name: 'Send a test' }).click();
    await press(page, 'Send');
    await reads(page, `The mail server has taken the test to ${ADMIN.email}.`);
    expect((await server.next()).raw).toContain('From: Our VPN <vpn@example.com>');
    expect(await page.getByLabel('Trusted certificate').inputValue()).toContain('-----BEGIN CERTIFICATE-----\n');
    await page.context().close();
  });

  it.each([
    ['with JavaScript', true],
    ['without JavaScript', false],
  ])('somebody asks for a link here and opens it on another device, %s', async (_, javaScriptEnabled) => {
    const page = await open(javaScriptEnabled);
    const complaints = [complaintsOf(page)];
    const count = server.mails.length;
    await page.goto(`${service.url}/devices/new`);
    await page.getByRole('link', { name: 'Email me a link' }).click();
    await expectAccessible(page);
    await page.getByLabel('Email').fill(ADMIN.email);
    await press(page, 'Email me a link');
    await reads(page, 'Look into your mailbox');
    await expectAccessible(page);

    const [link = ''] = /http:\S+\/login\/link\/\S+/.exec((await server.next(count)).text) ?? [];
    tokens.push(link.split('/').at(-1) ?? '');
    const other = await open(javaScriptEnabled);
    complaints.push(complaintsOf(other));
    await other.goto(link);
    await reads(other, ADMIN.email);
    await expectAccessible(other);
    await press(other, 'Sign in');
    await other.waitForURL(`${service.url}/devices/new`);
    expect(complaints.flat()).toEqual([]);

    await page.goto(`${service.url}/devices`);
    expect(new URL(page.url()).pathname).toBe('/login');
    await page.goto(link);
    await reads(page, 'This link does not work any more');
    await expectAccessible(page);
    for (const one of [page, other]) await one.context().close();
  });

  it('nothing secret is in the log', () => {
    expect(tokens).toHaveLength(2);
    for (const secret of [...tokens, MAIL_PASSWORD, 'a wrong one']) expect(service.output()).not.toContain(secret);
  });

  async function expectAccessible(page: Page): Promise<void> {
    // Without scripts the page is the same, and axe has no timers.
    if (page.viewportSize()?.width === 390) return;
    await page.evaluate(AXE);
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } };
      return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
    });
    expect(violations).toEqual([]);
  }
});
