import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { until } from '../support/wait.ts';
import { OWNER, setupCode } from './box.ts';
import { BOOT_MS, type Machine } from './machine.ts';

/** An emulated box draws its pages slowly. */
const PAGE_MS = 120_000;
const UPDATE_MS = 600_000;

/** A page of this box, whose certificate it made itself. */
export async function openPage(browser: Browser, { httpsPort }: Machine): Promise<Page> {
  const page = await browser.newPage({ ignoreHTTPSErrors: true, baseURL: `https://127.0.0.1:${httpsPort}` });
  page.setDefaultTimeout(PAGE_MS);
  page.setDefaultNavigationTimeout(PAGE_MS);
  return page;
}

export const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
export const shows = (page: Page, text: string | RegExp, timeout = PAGE_MS) => page.getByText(text).first().waitFor({ timeout });

/** The set-up with the code of the screen; ends on the page where the first device is added. */
export async function setUpByPage(page: Page, machine: Machine, { email, password } = OWNER): Promise<void> {
  await page.goto('/');
  await page.getByLabel('Set-up code').fill(await setupCode(machine));
  await page.getByLabel('Your email').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByLabel('Public name or address of this box').fill('vpn.example.com');
  await press(page, 'Create and sign in');
  await shows(page, 'This box is yours now.');
}

/** Answers the configuration, whose key the browser made. */
export async function addDevice(page: Page, name: string): Promise<string> {
  await page.goto('/devices/new');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await press(page, 'Add a device');
  const [file] = await Promise.all([page.waitForEvent('download'), press(page, 'Download configuration')]);
  return readFileSync(await file.path(), 'utf8');
}

/** Blocks a TCP port for the owner, on the owner's page. */
export async function blockPort(page: Page, port: number): Promise<void> {
  await page.goto('/admin/users');
  await page.getByRole('link', { name: OWNER.email }).first().click();
  await page.getByLabel('Port').fill(String(port));
  await press(page, 'Block');
  await shows(page, 'The rule is in force.');
}

/** Uploads a bundle, installs it and starts it; answers the percentages that were shown while it was written. */
export async function installByPage(page: Page, machine: Machine, bundle: string, version: string): Promise<readonly number[]> {
  await page.goto('/admin/system/updates');
  await page.locator('input[type=file]').setInputFiles(bundle);
  await page.getByRole('button', { name: 'Upload' }).click({ timeout: UPDATE_MS });
  await shows(page, `Version ${version} is here`, UPDATE_MS);
  await page.getByRole('link', { name: 'Install' }).click();
  await press(page, 'Install');
  const seen = new Set<number>();
  const isInstalled = async () => {
    const shown = await page
      .locator('progress')
      .getAttribute('value', { timeout: 500 })
      .catch(() => null);
    if (shown !== null) seen.add(Number(shown));
    return page.getByText(`Version ${version} is installed`).isVisible();
  };
  await until('the update is installed', isInstalled, UPDATE_MS);
  await page.getByRole('link', { name: 'Reboot now' }).click();
  await press(page, 'Reboot');
  await machine.waitFor(/WireGUI: slot B, try 1/, BOOT_MS, 0);
  machine.forget();
  return [...seen];
}
