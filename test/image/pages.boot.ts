import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERSION } from '../../core/version.ts';
import { complaintsOf, openBrowser, signIn } from '../support/browser.ts';
import { until } from '../support/wait.ts';
import { OWNER } from './box.ts';
import { BUILD, buildBundle, buildImage, IMAGE, NEXT } from './build.ts';
import { BOOT_MS, type Machine, startMachine } from './machine.ts';
import { addDevice, blockPort, installByPage, openPage, press, setUpByPage, shows } from './pages.ts';
import { startPeer } from './peer.ts';

const BACKUP = join(BUILD, 'backup.tar.gz');

/** What somebody does who has a browser, and a screen to read the code from; each step begins where the one before ended. */
describe('a box and a browser', () => {
  const cleanUp = new AsyncDisposableStack();
  let browser: Browser;
  let update = '';
  let machine: Machine;
  let page: Page;
  let complaints: readonly string[] = [];
  let configuration = '';
  let peers = '';

  beforeAll(async () => {
    await buildImage();
    update = await buildBundle('next');
    browser = cleanUp.use(await openBrowser());
    await switchOn();
  });
  afterAll(() => cleanUp.disposeAsync());

  /** A fresh box; the one before goes. */
  async function switchOn(): Promise<void> {
    await machine?.cutPower();
    machine = cleanUp.use(await startMachine({ disk: IMAGE, log: join(BUILD, 'pages.log') }));
    machine.switchOn();
    await machine.healthy(VERSION);
    page = await openPage(browser, machine);
    complaints = complaintsOf(page);
  }

  const startLaptop = () => startPeer(configuration, `127.0.0.1:${machine.wireguardPort}`);
  const peersOf = () => machine.shell('wg show wg-wiregui peers');
  const addresses = () => machine.shell('ip -br -4 address');

  it('is set up with the code of the screen', () => setUpByPage(page, machine));

  it('gives a device that was added on the page a tunnel, and a rule made there bites', async () => {
    configuration = await addDevice(page, 'laptop');
    await using laptop = await startLaptop();
    await until('the box answers', async () => (await laptop.get('http://10.3.2.1/api/health')).includes('"status":"ok"'), 120_000);
    await blockPort(page, 80);
    expect(await laptop.get('http://10.3.2.1/api/health')).toBe('');
    expect(await laptop.reaches('10.3.2.1')).toBe(true);
  });

  it('takes another name', async () => {
    await page.goto('/admin/system/time');
    await page.getByLabel('Name of the box').fill('Office');
    await page.locator('form[action$="/time/name"] button').click();
    await shows(page, 'The box is called office.');
    await machine.waitFor(/Pages: {6}https:\/\/office\.local/, BOOT_MS, 0);
    expect(await machine.shell('cat /proc/sys/kernel/hostname')).toBe('office');
    expect(await machine.shell('resolvectl query --legend=no office.local')).toContain('10.0.2.15');
  });

  it('takes a time zone and a time server', async () => {
    await page.goto('/admin/system/time');
    await page.getByLabel('Time zone').selectOption('Europe/Zurich');
    await page.getByLabel('Time servers').fill('10.0.2.2');
    await page.locator('form[action$="/time"] button').click();
    await shows(page, 'The time settings are in use.');
    expect(await machine.shell('date +%Z')).toMatch(/^CES?T$/);
    await until('the time server is asked', async () => (await machine.shell('timedatectl show-timesync -P SystemNTPServers')) === '10.0.2.2', BOOT_MS);
  });

  it('goes back to the network from before, when a change is not confirmed', async () => {
    expect(await addresses()).toContain('10.0.2.15/24');
    await tryAddress('10.0.2.77/24');
    await until('the box has the address that is tried', async () => (await addresses()).includes('10.0.2.77/24'), BOOT_MS);
    expect(await addresses()).not.toContain('10.0.2.15/24');
    await until('the box has its address back', async () => (await addresses()).includes('10.0.2.15/24'), BOOT_MS);
    expect(await addresses()).not.toContain('10.0.2.77/24');
    await page.goto('/admin/system/network');
    expect(await page.getByLabel('Address', { exact: true }).inputValue()).toBe('dhcp');
    expect(await page.getByRole('button', { name: 'Keep it' }).count()).toBe(0);
  });

  it('keeps a network that is confirmed', async () => {
    await tryAddress('10.0.2.15/24');
    await press(page, 'Keep it');
    await shows(page, 'The box keeps this network.');
    expect(await machine.shell('cat /data/box/network')).toContain('address=10.0.2.15/24');
  });

  /** What carries the answer may be gone before it comes. */
  async function tryAddress(address: string): Promise<void> {
    await page.goto('/admin/system/network');
    await page.getByLabel('Address', { exact: true }).selectOption('static');
    await page.getByLabel('IPv4 address').fill(address);
    await page.getByLabel('Gateway', { exact: true }).fill('10.0.2.2');
    await page.getByRole('button', { name: 'Try this' }).click({ noWaitAfter: true });
  }

  it('shows its log, and of it what is asked for', async () => {
    const rows = page.locator('#log li');
    await page.goto('/admin/system/logs');
    expect(await rows.count()).toBeGreaterThan(100);
    await page.getByLabel('Unit').fill('kernel');
    await page.getByLabel('With the text').fill('wireguard: ');
    await press(page, 'Show');
    expect((await rows.allTextContents()).join('\n')).toMatch(/^(.* kernel: wireguard: .*\n?)+$/);
    await page.getByLabel('With the text').fill('nobody ever said this');
    await press(page, 'Show');
    await shows(page, 'Nothing of that kind was written down.');
  });

  it('gives its backup away', async () => {
    peers = await peersOf();
    await page.goto('/admin/settings/backup');
    const [file] = await Promise.all([page.waitForEvent('download'), press(page, 'Download a backup')]);
    expect(file.suggestedFilename()).toMatch(/^wiregui-.*\.tar\.gz$/);
    await file.saveAs(BACKUP);
  });

  it('takes an update, shows how far it is, and starts it', async () => {
    expect((await installByPage(page, machine, update, NEXT)).length).toBeGreaterThan(2);
    expect((await machine.healthy(NEXT)).slot).toBe('B');
    await page.goto('/admin/system');
    await shows(page, NEXT);
    expect(await machine.shell('cat /proc/sys/kernel/hostname')).toBe('office');
    expect(await addresses()).toContain('10.0.2.15/24');
    expect(await peersOf()).toBe(peers);
    expect(complaints.filter((each) => !each.includes('net::ERR'))).toEqual([]);
  });

  it('gives its peers back on another box, from the backup', async () => {
    await switchOn();
    await setUpByPage(page, machine, { email: 'somebody@example.com', password: 'another long password' });
    expect(await peersOf()).toBe('');
    await page.goto('/admin/settings/backup');
    await page.locator('#archive').setInputFiles(BACKUP);
    await press(page, 'Check this backup');
    await press(page, 'Restore and start again');
    await shows(page, 'The backup is being restored');
    await until('the peers are back', async () => (await peersOf()) === peers, BOOT_MS);
    await signIn(page, `https://127.0.0.1:${machine.httpsPort}`, OWNER);
    await using laptop = await startLaptop();
    await until('the tunnel is back', () => laptop.reaches('10.3.2.1'), 120_000);
    expect(await laptop.get('http://10.3.2.1/api/health')).toBe('');
  });
});
