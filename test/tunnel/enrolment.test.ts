import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, signIn } from '../support/browser.ts';
import { createNetwork, HOST, type Namespace, type Network } from '../support/network.ts';
import { ADMIN, type Service, startService } from '../support/service.ts';
import { until } from '../support/wait.ts';

const PROGRAMS = join(import.meta.dirname, '..', 'support', 'programs');

describe('a person enrols a device and its traffic flows', () => {
  let network: Network;
  let service: Service;
  let page: Page;
  let folder: string;
  const cleanUp = new AsyncDisposableStack();

  beforeAll(async () => {
    network = cleanUp.use(await createNetwork());
    service = cleanUp.use(await startService({ network }));
    // From the LAN, as an administrator would: what happens to tunnels must not cut the browser off.
    page = await cleanUp.use(await openBrowser(network.host)).newPage();
    folder = mkdtempSync(join(tmpdir(), 'wiregui-conf-'));
    cleanUp.defer(() => rmSync(folder, { recursive: true }));
    await signIn(page, lanUrl());
  });
  afterAll(() => cleanUp.disposeAsync());

  const lanUrl = () => `http://192.0.2.1:${service.port}`;
  const reaches = async (from: Namespace, address: string) =>
    (await from.run(['ping', '-c', '1', '-W', '1', address], { acceptedExitCodes: [0, 1, 2] })).exitCode === 0;

  async function enrol(name: string): Promise<string> {
    await page.goto(`${lanUrl()}/devices/new`);
    await page.getByLabel('Name').fill(name);
    await page.getByRole('button', { name: 'Add a device' }).click();
    await page.getByRole('heading', { name: 'Your device is ready' }).waitFor();
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download configuration' }).click()]);
    const path = join(folder, `${network.id}${file.suggestedFilename()}`);
    await file.saveAs(path);
    return path;
  }

  it('passes packets over IPv4 and IPv6 with the configuration from the page, unchanged', async () => {
    const path = await enrol('a');
    expect(readFileSync(path, 'utf8')).toMatch(/^\[Interface\]\nPrivateKey = [A-Za-z0-9+/]{43}=\n/);
    await network.clientA.run(['env', `PATH=${PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin`, 'wg-quick', 'up', path], { deadlineMs: 20_000 });
    expect(await reaches(network.clientA, HOST.ipv4)).toBe(true);
    expect(await reaches(network.clientA, HOST.ipv6)).toBe(true);
  });

  it('keeps the private key out of the database and shows it nowhere again', async () => {
    const [, privateKey = ''] = /PrivateKey = (.*)/.exec(readFileSync(join(folder, `${network.id}a.conf`), 'utf8')) ?? [];
    const stored =
      readFileSync(join(service.dataDirectory, 'wiregui.db-wal')).toString('latin1') +
      readFileSync(join(service.dataDirectory, 'wiregui.db')).toString('latin1');
    expect(privateKey).toHaveLength(44);
    expect(stored).not.toContain(privateKey);
    await page.goto(`${lanUrl()}/devices`);
    expect(await page.content()).not.toContain(privateKey);
  });

  it('closes the tunnel within a second of pausing and opens it again', async () => {
    await page.goto(`${lanUrl()}/devices`);
    await page.getByRole('link', { name: 'a', exact: true }).click();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('a is paused.').waitFor();
    expect(await peerCount()).toBe(0);
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByText('a is active again.').waitFor();
    expect(await peerCount()).toBe(1);
    await until('the tunnel is open again', () => reaches(network.clientA, HOST.ipv4), 20_000);
  });

  it('loses no packet when the service is killed and restarted, nor while 100 peers come and go', async () => {
    expect((await service.cli(['settings', 'security', 'maxDevicesPerUser=1000'])).exitCode).toBe(0);
    const pinging = network.clientA.run(['ping', '-i', '0.01', '-c', '700', '-W', '2', HOST.ipv4], { deadlineMs: 30_000, acceptedExitCodes: [0, 1] });
    await service.restartHard();
    for (const step of ['create', 'delete'] as const) await hundredDevices(step);
    expect((await pinging).stdout).toContain(' 700 received, 0% packet loss');
  });

  it('removes the peers of a disabled user within a second and never lets a restart bring them back', async () => {
    const second = { email: 'second@example.com', password: 'another good password' };
    expect((await service.cli(['admin', 'create-or-reset', second.email], second.password)).exitCode).toBe(0);
    const other = await page.context().browser()?.newContext();
    const theirs = await other?.newPage();
    if (!theirs) throw new Error('no second browser');
    await signIn(theirs, lanUrl(), second);
    await theirs.goto(`${lanUrl()}/admin/users?q=${ADMIN.email}`);
    await theirs.getByRole('link', { name: ADMIN.email }).click();
    await theirs.getByRole('link', { name: 'Disable' }).click();
    await theirs.getByRole('button', { name: 'Disable' }).click();
    await theirs.getByText(`${ADMIN.email} is saved.`).waitFor();
    expect(await peerCount()).toBe(0);
    await service.restartHard();
    expect(await peerCount()).toBe(0);
    await theirs.getByRole('button', { name: 'Enable' }).click();
    await theirs.getByText(`${ADMIN.email} is saved.`).waitFor();
    expect(await peerCount()).toBe(1);
    await other?.close();
  });

  it('ends the tunnel exactly when the VPN session runs out, and restores it at the next sign-in', async () => {
    await signIn(page, lanUrl());
    await page.goto(`${lanUrl()}/admin/settings/security`);
    await page.getByLabel('VPN session duration').fill('4');
    await page.getByRole('button', { name: 'Save' }).click();
    const signedInAt = performance.now();
    await page.context().clearCookies();
    await signIn(page, lanUrl());
    expect(await peerCount()).toBe(1);
    const elapsedMs = await until('the session runs out', async () => (await peerCount()) === 0, 8_000).then(() => performance.now() - signedInAt);
    expect(elapsedMs).toBeGreaterThan(3_900);
    expect(elapsedMs).toBeLessThan(6_500);
    await page.context().clearCookies();
    await signIn(page, lanUrl());
    expect(await peerCount()).toBe(1);
    await page.goto(`${lanUrl()}/admin/settings/security`);
    await page.getByLabel('VPN session duration').fill('0');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('The settings are saved.').waitFor();
  });

  it('repairs what others change on the interface or in its table, and says so', async () => {
    const name = network.interfaceName;
    const [publicKey = ''] = await peerKeys();
    const changes: readonly (readonly [what: RegExp, change: () => Promise<unknown>, isMended: () => Promise<boolean>])[] = [
      [
        /the address 10\.3\.2\.1\/24 was removed/,
        () => network.server.run(['ip', 'address', 'del', '10.3.2.1/24', 'dev', name]),
        async () => (await network.server.run(['ip', '-j', 'address', 'show', 'dev', name])).stdout.includes('10.3.2.1'),
      ],
      [
        /nft table inet wiregui was changed/,
        () => network.server.run(['nft', 'flush', 'ruleset']),
        async () => (await network.server.run(['nft', 'list', 'ruleset'])).stdout.includes('goto global'),
      ],
      [/the peer .* was removed/, () => network.server.run(['wg', 'set', name, 'peer', publicKey, 'remove']), async () => (await peerCount()) === 1],
      [/the interface .* was deleted/, () => network.server.run(['ip', 'link', 'del', name]), async () => (await peerCount()) === 1],
    ];
    for (const [, change, isMended] of changes) {
      await change();
      await until('it is put back', () => isMended().catch(() => false), 15_000);
    }
    await page.goto(`${lanUrl()}/admin/diagnostics`);
    const shown = await page.getByRole('main').textContent();
    for (const [what] of changes) expect(shown).toMatch(what);
    await until('the tunnel works again', () => reaches(network.clientA, HOST.ipv4), 20_000);
  });

  it('ends the tunnel when the device is deleted', async () => {
    await page.goto(`${lanUrl()}/devices`);
    await page.getByRole('link', { name: 'a', exact: true }).click();
    await page.getByRole('link', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('a is deleted.').waitFor();
    expect(await peerCount()).toBe(0);
    expect(await reaches(network.clientA, HOST.ipv4)).toBe(false);
  });

  async function peerKeys(): Promise<readonly string[]> {
    const { stdout } = await network.server.run(['wg', 'show', network.interfaceName, 'peers']);
    return stdout.split('\n').filter((line) => line !== '');
  }

  async function peerCount(): Promise<number> {
    return (await peerKeys()).length;
  }

  /** By the API's door: other devices than the one whose packets are counted. */
  async function hundredDevices(step: 'create' | 'delete'): Promise<void> {
    const done = await page.evaluate(async (mode) => {
      const post = (path: string, body: Record<string, string>) => fetch(path, { method: 'POST', body: new URLSearchParams(body) });
      const known = globalThis as unknown as { created?: string[] };
      if (mode === 'delete')
        return Promise.all((known.created ?? []).map((id) => post(`/devices/${id}/delete`, {}))).then((answers) => answers.filter(({ ok }) => ok).length);
      const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => post('/devices', { name: `other-${index}` })));
      const texts = await Promise.all(answers.map((answer) => answer.text()));
      known.created = texts.map((text) => /href="\/devices\/([0-9a-f-]{36})"/.exec(text)?.[1] ?? '');
      return known.created.filter(Boolean).length;
    }, step);
    expect(done).toBe(100);
  }
});
