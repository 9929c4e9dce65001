import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERSION } from '../../core/version.ts';
import { openBrowser } from '../support/browser.ts';
import { until } from '../support/wait.ts';
import { BUILD, buildBundle, buildImageAnew, IMAGE } from './build.ts';
import { BOOT_MS, type Machine, startMachine } from './machine.ts';
import { addDevice, blockPort, installByPage, openPage, setUpByPage, shows } from './pages.ts';
import { type Peer, startPeer } from './peer.ts';

const BUILD_MS = 1_200_000;
const STEP_MS = 300_000;
const FALLBACK_MS = 1_500_000;
const HEALTH = 'http://10.3.2.1/api/health';

/** The shortest proof that the image is one; `npm run test:image` has the rest. No step has less time than the slowest runner needs. */
describe('the image', () => {
  const cleanUp = new AsyncDisposableStack();
  let machine: Machine;
  let page: Page;
  let laptop: Peer;

  beforeAll(async () => {
    await buildImageAnew();
    machine = cleanUp.use(await startMachine({ disk: IMAGE, log: join(BUILD, 'appliance.log') }));
  }, BUILD_MS);
  afterAll(() => cleanUp.disposeAsync());

  it('boots to a healthy service', { timeout: BOOT_MS }, async () => {
    machine.switchOn();
    const { slot, seconds } = await machine.healthy(VERSION);
    console.log(`healthy after ${seconds} s`);
    expect(slot).toBe('A');
  });

  it('is set up on its page, with the code of its screen', { timeout: STEP_MS }, async () => {
    page = await openPage(cleanUp.use(await openBrowser()), machine);
    await setUpByPage(page, machine);
  });

  it('passes traffic of a device through the tunnel of its kernel, as the rules say', { timeout: STEP_MS }, async () => {
    laptop = cleanUp.use(await startPeer(await addDevice(page, 'laptop'), `127.0.0.1:${machine.wireguardPort}`));
    await until('the box answers', async () => (await laptop.get(HEALTH)).includes('"status":"ok"'), STEP_MS);
    await blockPort(page, 80);
    expect(await laptop.get(HEALTH)).toBe('');
    await until('the box is reached all the same', () => laptop.reaches('10.3.2.1'), STEP_MS);
  });

  it('comes back by itself from an update that does not start, and says so', { timeout: FALLBACK_MS }, async () => {
    await installByPage(page, machine, await buildBundle('broken-root'), '99.0.2');
    const { ms } = await machine.waitFor(/in slot A is healthy/, FALLBACK_MS, 0);
    console.log(`back after ${(ms / 1_000).toFixed(0)} s`);
    await page.goto('/admin/system');
    await shows(page, 'Version 99.0.2 did not work and was given up');
    await until('the tunnel is back', () => laptop.reaches('10.3.2.1'), STEP_MS);
    expect(await laptop.get(HEALTH)).toBe('');
  });
});
