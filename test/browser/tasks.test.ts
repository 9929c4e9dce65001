import Database from 'better-sqlite3';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, signIn } from '../support/browser.ts';
import { ADMIN, type Service, startService } from '../support/service.ts';

const USER = { email: 'wanda@example.com', password: 'the password of wanda' };
const DEVICES = 10_000;
const WANTED = 4_321;

/** Counts what a person does: clicks, keys that mean something, and texts that are typed. */
interface Person {
  click(what: Locator): Promise<void>;
  press(keys: string): Promise<void>;
  type(text: string): Promise<void>;
  fill(what: Locator, text: string): Promise<void>;
  done(task: string): { readonly clicks: number; readonly actions: number };
}

function asPerson(page: Page): Person {
  const begun = performance.now();
  let clicks = 0;
  let actions = 0;
  const act = async (isClick: boolean, work: Promise<void>) => {
    clicks += Number(isClick);
    actions += 1;
    await work;
  };
  return {
    click: (what) => act(true, what.click()),
    press: (keys) => act(false, page.keyboard.press(keys)),
    type: (text) => act(false, page.keyboard.type(text)),
    fill: (what, text) => act(false, what.fill(text)),
    done(task) {
      console.log(`${task}: ${clicks} clicks, ${actions} actions, ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
      return { clicks, actions };
    },
  };
}

describe('somebody who has never seen the box', () => {
  let service: Service;
  let browser: Browser;
  const cleanUp = new AsyncDisposableStack();

  beforeAll(async () => {
    service = cleanUp.use(await startService({ env: { WG_WG_IPV4_NETWORK: '10.16.0.0/16' } }));
    browser = cleanUp.use(await openBrowser());
    const page = await browser.newPage();
    await signIn(page, service.url);
    await page.goto(`${service.url}/admin/users/new`);
    await page.getByLabel('Email').fill(USER.email);
    await page.getByLabel('Password').fill(USER.password);
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByText('can sign in now').waitFor();
    await page.close();
    fillWithDevices();
  }, 120_000);
  afterAll(() => cleanUp.disposeAsync());

  function fillWithDevices(): void {
    const db = new Database(`${service.dataDirectory}/wiregui.db`);
    const user = db.prepare("INSERT INTO users (id, email, role, created_at, updated_at) VALUES (?, ?, 'unprivileged', ?, ?)");
    const device = db.prepare(
      'INSERT INTO devices (id, user_id, name, public_key, preshared_key, ipv4, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    );
    const now = Date.now();
    db.transaction(() => {
      for (let index = 0; index < DEVICES / 4; index += 1) user.run(`u${index}`, `person.${index}@example.com`, now, now);
      for (let index = 0; index < DEVICES; index += 1)
        device.run(
          `d${index}`,
          `u${index % (DEVICES / 4)}`,
          `device ${index}`,
          `key ${index}`,
          '',
          `10.16.${100 + Math.floor(index / 250)}.${index % 250}`,
          now,
          now,
        );
    })();
    db.close();
  }

  async function asAdmin(): Promise<Page> {
    const page = await (await browser.newContext()).newPage();
    await signIn(page, service.url, ADMIN);
    return page;
  }

  it('has a working configuration at most 5 clicks after opening the page', async () => {
    const page = await (await browser.newContext()).newPage();
    const person = asPerson(page);
    await page.goto(service.url);
    await person.fill(page.getByLabel('Email'), USER.email);
    await person.fill(page.getByLabel('Password'), USER.password);
    await person.click(page.getByRole('button', { name: 'Sign in' }));
    await person.click(page.getByRole('link', { name: 'Add a device' }).first());
    await person.fill(page.getByLabel('Name'), 'Phone');
    await person.click(page.getByRole('button', { name: 'Add a device' }));
    await page.locator('[data-qr] svg').waitFor();
    const saved = page.waitForEvent('download');
    await person.click(page.getByRole('button', { name: 'Download configuration' }));
    expect((await saved).suggestedFilename()).toBe('Phone.conf');
    expect(person.done('first sign-in to working configuration').clicks).toBeLessThanOrEqual(5);
  });

  it('finds one device among ten thousand and disables it with at most 4 actions, and can take it back', async () => {
    const page = await asAdmin();
    const person = asPerson(page);
    await person.press('Control+k');
    await person.type(`device ${WANTED}`);
    await person.press('Enter');
    await page.getByRole('heading', { level: 1, name: `device ${WANTED}` }).waitFor();
    await person.click(page.getByRole('button', { name: 'Pause' }));
    await page.getByText(`device ${WANTED} is paused.`).waitFor();
    expect(person.done(`find a device among ${DEVICES} and disable it`).actions).toBeLessThanOrEqual(4);
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText(`device ${WANTED} is active again.`).waitFor();
  });

  it('does the same with the mouse, through the list', async () => {
    const page = await asAdmin();
    const person = asPerson(page);
    await person.click(page.getByRole('link', { name: 'Devices', exact: true }));
    await person.fill(page.getByRole('searchbox'), `device ${WANTED}`);
    await page.getByText('1–1 of 1').waitFor();
    await person.click(page.getByRole('link', { name: `device ${WANTED}`, exact: true }));
    await person.click(page.getByRole('button', { name: 'Pause' }));
    await page.getByText(`device ${WANTED} is paused.`).waitFor();
    expect(person.done('the same with the mouse').actions).toBeLessThanOrEqual(4);
  });

  it('blocks a port for one user with at most 6 actions', async () => {
    const page = await asAdmin();
    const person = asPerson(page);
    await person.press('Control+k');
    await person.type(USER.email);
    await person.press('Enter');
    await page.getByRole('heading', { level: 1, name: USER.email }).waitFor();
    await person.fill(page.getByLabel('Port'), '25');
    await person.click(page.getByRole('button', { name: 'Block', exact: true }));
    await page.getByText('The rule is in force.').waitFor();
    expect(await page.locator('.user-rules').textContent()).toContain('TCP 25');
    expect(person.done('block a port for one user').actions).toBeLessThanOrEqual(6);
  });
});
