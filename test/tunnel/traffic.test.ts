import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openBrowser, signIn } from '../support/browser.ts';
import { createNetwork, HOST } from '../support/network.ts';
import { startService } from '../support/service.ts';

const PROGRAMS = join(import.meta.dirname, '..', 'support', 'programs');

it('what a device moves through its tunnel is seen live on its page and on the dashboard, and it is online within seconds', async () => {
  await using cleanUp = new AsyncDisposableStack();
  const network = cleanUp.use(await createNetwork());
  const service = cleanUp.use(await startService({ network }));
  const lan = `http://192.0.2.1:${service.port}`;
  const page = await cleanUp.use(await openBrowser(network.host)).newPage();
  await signIn(page, lan);
  await page.goto(`${lan}/devices/new`);
  await page.getByLabel('Name').fill('a');
  await page.getByRole('button', { name: 'Add a device' }).click();
  const folder = mkdtempSync(join(tmpdir(), 'wiregui-conf-'));
  cleanUp.defer(() => rmSync(folder, { recursive: true }));
  const file = join(folder, `${network.id}a.conf`);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download configuration' }).click()]);
  await download.saveAs(file);
  await page.getByRole('link', { name: 'Done' }).click();
  await page.getByText('has not connected yet').waitFor();

  await network.clientA.run(['env', `PATH=${PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin`, 'wg-quick', 'up', file], { deadlineMs: 20_000 });
  const pinging = network.clientA.run(['ping', '-q', '-i', '0.01', '-s', '1200', '-w', '12', HOST.ipv4], { deadlineMs: 20_000, acceptedExitCodes: [0, 1] });

  const moving = page.locator('.rate').getByText(/^\d.*[kM]bit\/s$/);
  await moving.first().waitFor({ timeout: 8_000 });
  await page.getByText('has not connected yet').waitFor({ state: 'detached', timeout: 8_000 });
  await page.goto(`${lan}/admin`);
  await page
    .locator('.figure-rates')
    .getByText(/^\d.*[kM]bit\/s$/)
    .first()
    .waitFor({ timeout: 8_000 });
  expect(await page.locator('.figures').innerText()).toContain('1 / 1');
  await page.getByRole('link', { name: 'a', exact: true }).waitFor();
  await pinging;
}, 60_000);
