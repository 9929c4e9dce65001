import { request } from 'node:http';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Plugin } from '../../../core/plugin/contract.ts';
import { plugins } from '../../../plugins/index.ts';
import { apiOf, type TestApi } from '../../support/api.ts';
import { ADMIN, createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { type MailServer, settingsFor, startMailServer } from '../../support/mail-server.ts';
import { until } from '../../support/wait.ts';

const USER = { email: 'user@example.com', password: 'the password of a user' };
const OTHER = { email: 'other@example.com', password: 'the password of another' };
const MINUTE_MS = 60_000;

/** Asks those for a second factor who are in the set. */
const secondFactorOf = (enrolled: ReadonlySet<string>): Plugin => ({
  manifest: { id: 'second', title: 'Second', summary: '' },
  setup: ({ clock }) => ({
    secondFactor: {
      id: 'second',
      label: 'Second',
      icon: 'key',
      challengePath: '/mfa/second',
      enrolPath: '/account/second',
      list: async (userId) => (enrolled.has(userId) ? [{ id: 'one', name: 'One', createdAt: clock.now(), lastUsedAt: null }] : []),
      remove: async () => {},
    },
  }),
});

describe('sign-in links', () => {
  let server: MailServer;
  let box: TestApp;
  let api: TestApi;
  let userId: string;
  beforeEach(async () => {
    server = await startMailServer();
    await boot();
  });
  afterEach(async () => {
    await box[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  async function boot(options: Parameters<typeof createTestApp>[0] = {}): Promise<void> {
    box = await createTestApp(options);
    api = await apiOf(box);
    await setMail(server.port);
    userId = (await api.call('POST', '/users', USER)).body.id;
    await api.call('POST', '/users', OTHER);
  }

  async function setMail(port: number | null): Promise<void> {
    const { fromAddress, ...settings } = settingsFor(server);
    await api.call('PATCH', '/configuration/mail', { ...settings, from_address: fromAddress, ...(port === null ? { host: null } : { port }) });
  }

  const ask = (email: string, form: Record<string, string> = {}, headers = {}, browser = box.browser()) =>
    browser.post('/login/link', { email, ...form }, headers);

  /** What is done after answering is done now. */
  const work = () => box.clock.advance(1);

  async function linkFor(email: string, form: Record<string, string> = {}): Promise<string> {
    const count = server.mails.length;
    expect((await ask(email, form)).status).toBe(200);
    work();
    return pathIn((await server.next(count)).text);
  }

  const use = (browser: TestBrowser, path: string) => browser.post('/login/link/use', { token: path.split('/').at(-1) ?? '' });
  const isSignedIn = async (browser: TestBrowser) => (await browser.get('/account')).status === 200;
  const whoIs = async (browser: TestBrowser) => /[a-z]+@example\.com/.exec((await browser.get('/account')).text)?.[0];

  it('are offered once mail can be sent', async () => {
    expect((await box.browser().get('/login?return_to=%2Fdevices%2Fnew')).text).toContain('href="/login/link?return_to=%2Fdevices%2Fnew"');
    await setMail(null);
    expect((await box.browser().get('/login')).text).not.toContain('/login/link');
    expect((await box.browser().get('/login/link')).location).toBe('/login');
    expect((await ask(USER.email)).location).toBe('/login');
  });

  it('sign in whoever presses the button, and lead to the page that was asked for', async () => {
    const browser = box.browser();
    const asked = await browser.get('/login/link?return_to=%2Fdevices%2Fnew');
    const [, returnTo = ''] = /name="returnTo" value="([^"]*)"/.exec(asked.text) ?? [];
    const path = await linkFor(USER.email, { returnTo });
    const { to, text, isEncrypted } = server.mails[0] as (typeof server.mails)[0];
    expect([to, isEncrypted]).toEqual([[USER.email], true]);
    expect(text).toContain(`http://localhost:13000${path}\r\n`);
    expect((await browser.get(path)).text).toContain(USER.email);
    expect(await isSignedIn(browser)).toBe(false);
    expect((await use(browser, path)).location).toBe('/devices/new');
    expect(await whoIs(browser)).toBe(USER.email);
    expect((await api.call('GET', `/users/${userId}`)).body).toMatchObject({ last_signed_in_method: 'magic-link' });
  });

  it('work in another browser than the one that asked, which gets nothing', async () => {
    const asking = box.browser();
    const count = server.mails.length;
    await ask(USER.email, {}, {}, asking);
    work();
    const path = pathIn((await server.next(count)).text);
    const phone = box.browser();
    await use(phone, path);
    expect([await isSignedIn(phone), await isSignedIn(asking)]).toEqual([true, false]);
  });

  it('say whom they sign in, also where somebody else is signed in', async () => {
    const browser = await box.signedIn(OTHER);
    const path = await linkFor(USER.email);
    expect((await browser.get(path)).text).toContain(`>${USER.email}</p>`);
    expect(await whoIs(browser)).toBe(OTHER.email);
    await use(browser, path);
    expect(await whoIs(browser)).toBe(USER.email);
  });

  it('survive programs that look through mail', async () => {
    const path = await linkFor(USER.email);
    for (let scan = 0; scan < 3; scan += 1) expect((await box.browser().get(path, { 'sec-fetch-site': 'none' })).headers.getSetCookie()).toEqual([]);
    await fetch(box.url + path, { method: 'HEAD' });
    const browser = box.browser();
    await use(browser, path);
    expect(await isSignedIn(browser)).toBe(true);
  });

  it('work once, also when the button is pressed in many places at once', async () => {
    const path = await linkFor(USER.email);
    const browsers = Array.from({ length: 8 }, () => box.browser());
    const answers = await Promise.all(browsers.map((browser) => use(browser, path)));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, ...Array(7).fill(410)]);
    expect((await box.browser().get(path)).status).toBe(410);
    expect((await Promise.all(browsers.map(isSignedIn))).filter(Boolean)).toHaveLength(1);
  });

  it('expire after a quarter of an hour', async () => {
    const path = await linkFor(USER.email);
    box.clock.advance(15 * MINUTE_MS - 1_000);
    expect((await box.browser().get(path)).status).toBe(200);
    box.clock.advance(1_001);
    const browser = box.browser();
    expect([(await browser.get(path)).status, (await use(browser, path)).status, await isSignedIn(browser)]).toEqual([410, 410, false]);
  });

  it('end when a newer one is asked for', async () => {
    const older = await linkFor(USER.email);
    const othersLink = await linkFor(OTHER.email);
    const newer = await linkFor(USER.email);
    expect((await use(box.browser(), older)).status).toBe(410);
    for (const path of [newer, othersLink]) expect((await use(box.browser(), path)).status).toBe(303);
  });

  it('are refused when they were tampered with, or made up', async () => {
    const path = await linkFor(USER.email);
    const token = path.split('/').at(-1) ?? '';
    const hash = box.app.db.writer.prepare('SELECT hash FROM magic_link_sent').pluck().get() as string;
    for (const wrong of [token.slice(1), `${token}A`, token.toLowerCase(), hash, userId, '', '%', "' OR 1=1 --", '../use', 'use']) {
      expect((await box.browser().get(`/login/link/${encodeURIComponent(wrong)}`)).status, wrong).toBeOneOf([200, 404, 410]);
      const browser = box.browser();
      expect([(await use(browser, wrong)).status, await isSignedIn(browser)], wrong).toEqual([410, false]);
    }
    expect((await use(box.browser(), path)).status).toBe(303);
  });

  it('are kept only as hashes', async () => {
    const token = (await linkFor(USER.email)).split('/').at(-1) ?? '';
    const rows = JSON.stringify(box.app.db.writer.prepare('SELECT * FROM magic_link_sent').raw().all());
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(rows).toContain(userId);
    expect(rows).not.toContain(token);
    expect(JSON.stringify((await api.call('GET', '/audit')).body)).not.toContain(token);
  });

  it('sign nobody in who was disabled or deleted since', async () => {
    const [path, othersPath] = [await linkFor(USER.email), await linkFor(OTHER.email)];
    await api.call('POST', `/users/${userId}/disable`);
    const otherId = (await api.call('GET', `/users?q=${OTHER.email}`)).body[0].id;
    await api.call('DELETE', `/users/${otherId}`);
    for (const one of [path, othersPath]) {
      const browser = box.browser();
      expect([(await browser.get(one)).status, (await use(browser, one)).status, await isSignedIn(browser)]).toEqual([410, 410, false]);
    }
  });

  it('are only the first of two factors', async () => {
    const enrolled = new Set<string>();
    await box[Symbol.asyncDispose]();
    await boot({ plugins: [...plugins, secondFactorOf(enrolled)] });
    enrolled.add(userId);
    const browser = box.browser();
    expect((await use(browser, await linkFor(USER.email, { returnTo: '/devices/new' }))).location).toBe('/mfa');
    expect(await isSignedIn(browser)).toBe(false);
  });

  it('are asked for by another site in vain', async () => {
    const path = await linkFor(USER.email);
    for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': '', origin: 'https://evil.example' }]) {
      expect((await ask(USER.email, {}, headers)).status).toBe(403);
      expect((await box.browser().post('/login/link/use', { token: path.split('/').at(-1) ?? '' }, headers)).status).toBe(403);
    }
    expect((await use(box.browser(), path)).status).toBe(303);
  });

  it('never lead to another site', async () => {
    for (const returnTo of ['//evil.example', '/\\evil.example', 'https://evil.example', '\t//evil.example', '/\t/evil.example', 'javascript:alert(1)']) {
      expect((await box.browser().get(`/login/link?return_to=${encodeURIComponent(returnTo)}`)).text, returnTo).toContain('name="returnTo" value="/"');
      box.clock.advance(15 * MINUTE_MS);
      expect((await use(box.browser(), await linkFor(USER.email, { returnTo }))).location, returnTo).toBe('/');
    }
  });

  it('come from the address of the box, whatever host the request names', async () => {
    await askWithHost(box.url, USER.email, 'evil.example');
    work();
    const { text } = await server.next();
    expect(text).toContain('http://localhost:13000/login/link/');
    expect(text).not.toContain('evil');
  });

  describe('tell nobody who has an account', () => {
    it('the answer is the same, byte for byte, for known, unknown and disabled accounts', async () => {
      await api.call('POST', `/users/${userId}/disable`);
      const answers = await Promise.all([ADMIN.email, USER.email, 'nobody@example.com'].map((email) => ask(email).then((answer) => ({ ...answer, email }))));
      const plain = answers.map(({ text, email }) => text.replaceAll(email, '…'));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
      expect(new Set(plain).size).toBe(1);
      expect(new Set(answers.map(({ headers }) => [...headers.keys()].join())).size).toBe(1);
      work();
      expect((await server.next()).to).toEqual([ADMIN.email]);
      expect(server.mails).toHaveLength(1);
    });

    it('it takes the same time, however long the mail server takes, and is not an error when that fails', async () => {
      const mute = createServer(() => {});
      await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
      await setMail((mute.address() as { port: number }).port);
      const times: Record<string, number[]> = { [USER.email]: [], 'nobody@example.com': [] };
      for (let turn = 0; turn < 8; turn += 1) {
        for (const [email, taken] of Object.entries(times)) {
          const start = performance.now();
          const asking = ask(email);
          work();
          expect((await asking).status).toBe(200);
          taken.push(performance.now() - start);
          work();
        }
      }
      const [known = 0, unknown = 0] = Object.values(times).map((taken) => taken.sort((a, b) => a - b)[4]);
      expect(Math.abs(known - unknown)).toBeLessThan(200);
      await setMail(1);
      expect((await ask(OTHER.email)).status).toBe(200);
      work();
      await until('the failure to be told', async () => (await api.call('GET', '/notifications')).body.length === 1);
      mute.close();
    });

    it('too many wishes are refused alike', async () => {
      const statuses = async (email: string) => {
        const answers = [];
        for (let turn = 0; turn < 12; turn += 1) answers.push((await ask(email)).status);
        return answers;
      };
      const refused = [...Array(10).fill(200), 429, 429];
      expect([await statuses(USER.email), await statuses('nobody@example.com')]).toEqual([refused, refused]);
      expect((await box.signedIn(USER)).cookies.size).toBe(1);
      box.clock.advance(15 * MINUTE_MS + 1);
      expect((await ask(USER.email)).status).toBe(200);
    });
  });

  it('do not fill a mailbox when others ask from everywhere, and the newest goes on working', async () => {
    await box[Symbol.asyncDispose]();
    await boot({ env: { WG_TRUSTED_PROXIES: '127.0.0.1' } });
    for (let index = 0; index < 5; index += 1) {
      await ask(USER.email, {}, { 'x-forwarded-for': `203.0.113.${index}` });
      work();
      await server.next(index);
    }
    const newest = pathIn(server.mails[4]?.text ?? '');
    for (let index = 5; index < 20; index += 1) await ask(USER.email, {}, { 'x-forwarded-for': `203.0.113.${index}` });
    work();
    await linkFor(OTHER.email);
    expect(server.mails.filter(({ to }) => to[0] === USER.email)).toHaveLength(5);
    expect((await use(box.browser(), newest)).status).toBe(303);
  });

  it.each(['a@example.com\r\nBcc: evil@example.com', 'a@example.com,b@example.com', 'no address', '', `"'><script>alert(1)</script>@x`])(
    'are refused to what is no address: %j',
    async (email) => {
      const { status, text } = await ask(email);
      expect(status).toBe(422);
      expect(text).toContain('id="field-email-error"');
      expect(text).not.toContain('<script>alert');
      work();
      expect(server.connections()).toBe(0);
    },
  );
});

function pathIn(text: string): string {
  return /\/login\/link\/[A-Za-z0-9_-]+/.exec(text)?.[0] ?? '';
}

/** A request that claims to be for another host, which fetch does not send. */
function askWithHost(url: string, email: string, host: string): Promise<number | undefined> {
  const body = new URLSearchParams({ email }).toString();
  const headers = { host, origin: `http://${host}`, 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length };
  return new Promise((resolve, reject) => {
    const asking = request(`${url}/login/link`, { method: 'POST', headers: { ...headers, 'x-forwarded-host': host } }, (answer) =>
      resolve(answer.resume().statusCode),
    );
    asking.on('error', reject).end(body);
  });
}
