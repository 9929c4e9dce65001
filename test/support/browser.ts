import { type Browser, chromium, type Page } from 'playwright-core';
import type { Namespace } from './network.ts';
import { ADMIN } from './service.ts';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Debian's Chromium, inside a namespace when one is given. */
export async function openBrowser(namespace?: Namespace): Promise<Browser & AsyncDisposable> {
  if (!namespace) return chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  const launcher = new URL('./chromium-in-namespace.sh', import.meta.url).pathname;
  return chromium.launch({ executablePath: launcher, args: FLAGS, env: { ...process.env, WIREGUI_NAMESPACE: namespace.name } as Record<string, string> });
}

/** Collects what the page complains of: script errors and violations of the content security policy. */
export function complaintsOf(page: Page): readonly string[] {
  const complaints: string[] = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  return complaints;
}

export async function signIn(page: Page, url: string, { email, password } = ADMIN): Promise<void> {
  await page.goto(`${url}/login`);
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((address) => !address.pathname.startsWith('/login'));
}
