import { expect, it } from 'vitest';
import { openBrowser, signIn } from '../support/browser.ts';
import { startService } from '../support/service.ts';

it('an open page shows what others change, without a reload, and keeps what is typed', async () => {
  await using service = await startService();
  await using browser = await openBrowser();
  const page = await browser.newPage();
  await signIn(page, service.url);
  await page.goto(`${service.url}/admin/devices`);
  await page.getByText('No devices yet').waitFor();
  await page.getByRole('searchbox').focus();

  const other = await (await browser.newContext()).newPage();
  await signIn(other, service.url);
  await other.goto(`${service.url}/devices/new`);
  await other.getByLabel('Name').fill('Fresh laptop');
  await other.getByRole('button', { name: 'Add a device' }).click();

  await page.getByRole('link', { name: 'Fresh laptop' }).waitFor({ timeout: 5_000 });
  expect(await page.getByRole('searchbox').evaluate((input) => input === document.activeElement)).toBe(true);

  await page.getByRole('searchbox').pressSequentially('nothing like it');
  await page.getByText('No devices match.').waitFor({ timeout: 5_000 });
  expect(page.url()).toContain('q=nothing+like+it');
  expect(await page.getByRole('searchbox').inputValue()).toBe('nothing like it');
});
