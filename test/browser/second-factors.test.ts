import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { plugins } from '../../plugins/index.ts';
import { complaintsOf, openBrowser, signIn } from '../support/browser.ts';
import { codeAt } from '../support/codes.ts';
import { ADMIN, type Service, startService } from '../support/service.ts';

const isThere = (id: string) => plugins.some(({ manifest }) => manifest.id === id);
const STEP_MS = 30_000;

let browser: Browser;
let service: Service;
let context: BrowserContext;
let page: Page;
let complaints: readonly string[];

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  service = await startService();
  context = await browser.newContext();
  page = await context.newPage();
  complaints = complaintsOf(page);
});
afterEach(async () => {
  await context.close();
  await service[Symbol.asyncDispose]();
});

const path = () => new URL(page.url()).pathname;
const click = (name: string) => page.getByRole('button', { name, exact: true }).click();
const signOut = () => click('Sign out');
/** The recovery codes come after the first second factor. */
const keepCodes = () => page.waitForURL('**/account/recovery-codes');

describe.skipIf(!isThere('webauthn'))('a security key in Chromium', () => {
  let devtools: CDPSession;
  let authenticatorId: string;
  beforeEach(async () => {
    devtools = await context.newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    const options = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true } as const;
    ({ authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options: { ...options, automaticPresenceSimulation: true } }));
    await signIn(page, service.url);
    await page.goto(`${service.url}/account`);
    await page.getByRole('link', { name: 'Add: Security key or passkey' }).click();
    await page.getByLabel('Name').fill('Blue key');
    await click('Add');
    await keepCodes();
  });

  it('is added, completes a sign-in, and signs in alone', async () => {
    await page.goto(`${service.url}/account`);
    expect(await page.getByRole('cell', { name: 'Blue key', exact: true }).count()).toBe(1);
    await signOut();
    await page.getByLabel('Email').fill(ADMIN.email);
    await page.getByLabel('Password').fill(ADMIN.password);
    await click('Sign in');
    await page.getByRole('link', { name: 'Security key or passkey' }).click();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await signOut();
    await page.goto(`${service.url}/admin/users`);
    await page.getByRole('link', { name: 'Passkey' }).click();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    expect(path()).toBe('/admin/users');
    expect(complaints).toEqual([]);
  });

  it('is not added twice', async () => {
    await page.goto(`${service.url}/account/webauthn/new`);
    await page.getByLabel('Name').fill('Again');
    await click('Add');
    await page.getByText('This key is added already.').waitFor();
  });

  it('signs nobody in whom it has not verified, and may be tried again', async () => {
    await signOut();
    await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
    await page.goto(`${service.url}/login/passkey`);
    await page.getByText('The browser stopped').waitFor();
    await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
    await click('Use my passkey');
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
  });

  it('says without JavaScript that it needs it', async () => {
    const plain = await browser.newContext({ javaScriptEnabled: false });
    const other = await plain.newPage();
    await other.goto(`${service.url}/login/passkey`);
    expect(await other.locator('noscript .alert').isVisible()).toBe(true);
    expect(await other.getByRole('button', { name: 'Use my passkey' }).isVisible()).toBe(false);
    await plain.close();
  });
});

describe.skipIf(!isThere('totp'))('an authenticator app, in Chromium', () => {
  it('is added with the code for the key that the page shows, and completes a sign-in', async () => {
    await signIn(page, service.url);
    await page.goto(`${service.url}/account`);
    await page.getByRole('link', { name: 'Add: Authenticator app' }).click();
    const secret = (await page.locator('#secret').textContent()) ?? '';
    expect(secret).toMatch(/^[A-Z2-7]{32}$/);
    await page.getByLabel('Code from the app').fill(codeAt(secret, new Date()));
    await click('Add');
    await keepCodes();
    await signOut();
    await page.getByLabel('Email').fill(ADMIN.email);
    await page.getByLabel('Password').fill(ADMIN.password);
    await click('Sign in');
    await page.getByRole('link', { name: 'Authenticator app' }).click();
    await page.getByLabel('Code').fill('12');
    await click('Confirm');
    await page.getByText('This is not the code of this moment.').waitFor();
    await page.getByLabel('Code').fill(codeAt(secret, new Date(Date.now() + STEP_MS)));
    await click('Confirm');
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    // Chromium itself reports the 401 of the slip.
    expect(complaints.filter((complaint) => !complaint.includes('401'))).toEqual([]);
  });
});
