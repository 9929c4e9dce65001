import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mailerSlot } from '../../../core/plugin/contract.ts';
import { apiOf, type TestApi } from '../../support/api.ts';
import { ADMIN, createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { MAIL_PASSWORD, MAIL_USER, type MailServer, settingsFor, startMailServer } from '../../support/mail-server.ts';
import { until } from '../../support/wait.ts';

const SETTINGS = '/admin/settings/mail';
const TEST = `${SETTINGS}/test`;
const MINUTE_MS = 60_000;

/** As the API spells them. */
const wire = (settings: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(settings).map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]));

describe('mail', () => {
  let box: TestApp;
  let admin: TestBrowser;
  let api: TestApi;
  let server: MailServer;
  let withoutStarttls: MailServer;
  let withTls: MailServer;
  const others = new AsyncDisposableStack();

  beforeAll(async () => {
    withoutStarttls = others.use(await startMailServer({ withoutStarttls: true }));
    withTls = others.use(await startMailServer({ secure: true }));
  });
  afterAll(() => others.disposeAsync());
  beforeEach(async () => {
    server = await startMailServer();
    box = await createTestApp();
    admin = await box.signedIn();
    api = await apiOf(box);
    await set(settingsFor(server));
  });
  afterEach(async () => {
    await box[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const set = async (settings: Record<string, unknown>) => expect((await api.call('PATCH', '/configuration/mail', wire(settings))).status).toBe(200);
  const sendTest = async (to = 'somebody@example.com') => {
    const { status, text, location } = await admin.post(TEST, { to });
    return { status, location, text: text.replaceAll('&quot;', '"').replaceAll('&#39;', "'") };
  };
  const notifications = async () => (await api.call('GET', '/notifications')).body as { about: string; message: string; severity: string }[];
  const raise = (severity: 'info' | 'warning' | 'error', message: string, about = 'network') =>
    box.app.events.emit('attention.needed', { severity, about, message });
  /** Once everything raised is in the database, minutes pass until what is to happen has happened. */
  const gather = async (count: number, hasHappened = () => true) => {
    await until('notifications', async () => (await notifications()).length === count);
    await until('what is to happen', () => {
      box.clock.advance(MINUTE_MS + 1);
      return hasHappened();
    });
  };

  describe('a test', () => {
    it('goes through STARTTLS with user name and password, by default to oneself', async () => {
      expect((await admin.get(TEST)).text).toContain(`value="${ADMIN.email}"`);
      expect(await sendTest(ADMIN.email)).toMatchObject({ status: 303, location: SETTINGS });
      expect((await admin.get(SETTINGS)).text).toContain(`The mail server has taken the test to ${ADMIN.email}.`);
      const mail = await server.next();
      expect(mail).toMatchObject({ from: 'vpn@example.com', to: [ADMIN.email], isEncrypted: true, user: MAIL_USER });
      expect(mail.raw).toMatch(/^From: WireGUI <vpn@example\.com>\r$/m);
      expect(mail.text).toContain('This is a test from WireGUI at http://localhost:13000.');
    });

    it('goes through TLS from the start, and through no encryption only when that was chosen', async () => {
      await set({ ...settingsFor(withTls), security: 'tls' });
      expect((await sendTest()).status).toBe(303);
      expect((await withTls.next()).isEncrypted).toBe(true);
      await set({ ...settingsFor(withoutStarttls), security: 'none' });
      expect((await sendTest()).status).toBe(303);
      expect((await withoutStarttls.next()).isEncrypted).toBe(false);
    });

    const failures: readonly (readonly [string, () => Record<string, unknown>, () => string])[] = [
      [
        'a wrong password',
        () => ({ password: 'wrong' }),
        () => 'localhost does not accept the user name and password. It said: “535 5.7.8 Wrong password, try harder”',
      ],
      ['an untrusted certificate', () => ({ ca: null }), () => 'The certificate of localhost is not trusted: it is self-signed. Nothing was sent.'],
      ['a certificate for another name', () => ({ host: '127.0.0.1' }), () => 'The certificate of 127.0.0.1 is not trusted: it is for another name.'],
      ['a connection that is refused', () => ({ port: 1 }), () => 'localhost:1 refuses the connection: no mail server listens there'],
      ['a name that does not exist', () => ({ host: 'there-is-none.invalid' }), () => 'There is no server named there-is-none.invalid.'],
      [
        'a server without STARTTLS, to which nothing is sent',
        () => ({ ...settingsFor(withoutStarttls) }),
        () => `localhost:${withoutStarttls.port} does not offer STARTTLS, so nothing was sent. It said: “500`,
      ],
      ['TLS where there is none from the start', () => ({ security: 'tls' }), () => `localhost:${server.port} does not speak TLS from the start.`],
    ];
    it.each(failures)('says clearly what is wrong: %s', async (_, settings, sentence) => {
      const before = withoutStarttls.mails.length;
      await set(settings());
      const { status, text } = await sendTest('kept@example.com');
      expect(status).toBe(503);
      expect(text).toContain(sentence());
      expect(text).toContain('value="kept@example.com"');
      expect([server.mails.length, withoutStarttls.mails.length - before]).toEqual([0, 0]);
      expect(await notifications()).toEqual([]);
    });

    it('says clearly what is wrong: a recipient who is refused', async () => {
      expect((await sendTest('gone@example.com')).text).toContain(
        'localhost does not accept mail for gone@example.com. It said: “550 5.1.1 Nobody of that name lives here”',
      );
    });

    it('says clearly what is wrong: something else that answers', async () => {
      await using web = await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
      await set({ port: web.port });
      expect((await sendTest()).text).toContain(`What answers at localhost:${web.port} is no mail server. It said: “HTTP/1.1 400 Bad Request”`);
    });

    it('says clearly what is wrong: a server that never answers, after ten seconds', async () => {
      await using mute = await listen(() => {});
      await set({ port: mute.port });
      const start = performance.now();
      expect((await sendTest()).text).toContain(`localhost:${mute.port} did not answer in time.`);
      expect(performance.now() - start).toBeLessThan(15_000);
    });

    it('says that no server is set', async () => {
      await set({ host: null });
      expect(await sendTest()).toMatchObject({ status: 409, text: expect.stringContaining('No mail server is set.') });
    });

    it('is an operation of the API, for administrators alone', async () => {
      expect((await api.call('POST', '/mail/test')).body).toEqual({ to: ADMIN.email });
      expect((await api.call('POST', '/mail/test', { to: 'other@example.com' })).body).toEqual({ to: 'other@example.com' });
      expect((await server.next(1)).to).toEqual(['other@example.com']);
      expect(await api.call('POST', '/mail/test', { to: 'gone@example.com' })).toMatchObject({
        status: 503,
        body: { detail: expect.stringContaining('“550 5.1.1 Nobody of that name lives here”') },
      });
      expect((await api.call('GET', '/audit?limit=2')).body[0]).toMatchObject({ action: 'mail.tested', changes: { to: 'other@example.com' } });
      const user = { email: 'user@example.com', password: 'the password of a user' };
      await api.call('POST', '/users', user);
      expect((await (await apiOf(box, user)).call('POST', '/mail/test')).status).toBe(403);
      expect((await (await box.signedIn(user)).post(TEST, { to: user.email })).status).toBe(403);
      expect((await box.browser().post(TEST, { to: user.email })).location).toMatch(/^\/login/);
    });
  });

  it('needs a sender’s address beside the server', async () => {
    const { status, text } = await admin.post(SETTINGS, { host: 'localhost', port: '587', security: 'starttls', fromName: 'Box', notifyAdmins: 'off' });
    expect([status, text]).toEqual([422, expect.stringContaining('is required with a mail server')]);
    expect((await api.call('PATCH', '/configuration/mail', { from_address: null })).body.errors).toEqual({ from_address: ['is required with a mail server'] });
    expect((await api.call('PATCH', '/configuration/mail', { host: null, from_address: null })).status).toBe(200);
  });

  it.each(['nonsense', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', 'before\n'])('takes no certificate that is none: %j', async (broken) => {
    const ca = broken.startsWith('before') ? broken + server.ca : broken;
    expect((await api.call('PATCH', '/configuration/mail', { ca })).body.errors).toEqual({ ca: [expect.stringContaining('must be one or more certificates')] });
    await set({ ca: `${withTls.ca}\r\n${server.ca}` });
    expect((await sendTest()).status).toBe(303);
  });

  describe('headers', () => {
    const hostile = [
      'a@example.com\r\nBcc: evil@example.com',
      'a@example.com\nBcc: evil@example.com',
      'a@example.com, evil@example.com',
      'a@example.com\u0000',
      'A <a@example.com>',
    ];
    it.each(hostile)('cannot be added through an address: %j', async (to) => {
      expect((await admin.post(TEST, { to })).status).toBe(422);
      expect((await api.call('POST', '/mail/test', { to })).status).toBe(422);
      await expect(box.app.host.all(mailerSlot)[0]?.send({ to, subject: 'x', text: 'x' })).rejects.toMatchObject({ code: 'invalid_input' });
      expect(server.connections()).toBe(0);
    });

    it('cannot be added through subject or sender', async () => {
      const inject = 'x\r\nBcc: evil@example.com';
      await expect(box.app.host.all(mailerSlot)[0]?.send({ to: 'a@example.com', subject: inject, text: 'x' })).rejects.toMatchObject({ code: 'invalid_input' });
      for (const field of ['from_name', 'from_address', 'user', 'password', 'host'])
        expect((await api.call('PATCH', '/configuration/mail', { [field]: inject })).status, field).toBe(422);
      expect(server.connections()).toBe(0);
    });

    it('keep a name with commas and quotes one sender', async () => {
      await set({ fromName: 'VPN, “Büro” <evil@example.com>' });
      await sendTest();
      const mail = await server.next();
      expect([mail.from, mail.to]).toEqual(['vpn@example.com', ['somebody@example.com']]);
      expect(mail.raw.match(/^From: .*$/gm)).toHaveLength(1);
    });
  });

  describe('notifications', () => {
    it('are mailed to every administrator who is enabled, gathered, at most once a minute', async () => {
      const second = { email: 'second@example.com', role: 'admin' };
      await api.call('POST', '/users', second);
      const third = (await api.call('POST', '/users', { email: 'third@example.com', role: 'admin' })).body.id;
      await api.call('POST', `/users/${third}/disable`);
      await set({ notifyAdmins: 'warnings' });
      raise('error', 'The network\r\n\u001b[31m is\u202e gone');
      raise('warning', 'The disk is nearly full');
      raise('info', 'A certificate was renewed');
      await gather(3, () => server.mails.length === 2);
      expect(server.mails.flatMap(({ to }) => to).sort()).toEqual([ADMIN.email, second.email]);
      for (const { text } of server.mails) {
        expect(text).toContain('- The network [31m is gone\r\n- The disk is nearly full\r\n');
        expect(text).toContain('http://localhost:13000/admin/diagnostics');
        expect(text).not.toContain('certificate');
      }
      raise('error', 'And gone again');
      await gather(4, () => server.mails.length > 2);
      expect(server.mails[2]?.text).not.toContain('disk');
    });

    it('stay on the pages where the settings say so', async () => {
      await set({ notifyAdmins: 'errors' });
      raise('warning', 'The disk is nearly full');
      await gather(1);
      await set({ notifyAdmins: 'off' });
      raise('error', 'The network is gone');
      await gather(2);
      await sendTest();
      expect(server.mails.map(({ to }) => to)).toEqual([['somebody@example.com']]);
    });

    const isTold = () => until('the failure to be told', async () => (await notifications()).some(({ about }) => about === 'mail'));

    it('of a failing mail server come once, whatever it says each time', async () => {
      await set({ notifyAdmins: 'warnings', password: 'wrong again' });
      for (let turn = 0; turn < 4; turn += 1) {
        raise('error', `Something is wrong for the ${turn}. time`);
        await gather(turn === 0 ? 1 : turn + 2, () => server.connections() > turn);
        await isTold();
      }
      const told = (await notifications()).filter(({ about }) => about === 'mail');
      expect(told).toMatchObject([{ severity: 'error', message: expect.stringContaining('Mail could not be sent. localhost does not accept the user name') }]);
    });

    it('of a failing mail server never come by mail', async () => {
      await set({ notifyAdmins: 'warnings', password: 'wrong' });
      raise('error', 'The disk is full');
      await gather(1, () => server.connections() > 0);
      await isTold();
      await set({ password: MAIL_PASSWORD });
      raise('error', 'The network is gone');
      await gather(3, () => server.mails.length > 0);
      expect(server.mails[0]?.text).toMatch(/^- The network is gone\r\n\r\n/);
    });

    it('of one address that is refused keep nobody else from theirs', async () => {
      await api.call('POST', '/users', { email: 'gone@example.com', role: 'admin' });
      await api.call('POST', '/users', { email: 'second@example.com', role: 'admin' });
      await set({ notifyAdmins: 'errors' });
      raise('error', 'The network is gone');
      await gather(1, () => server.mails.length === 2);
      expect(server.mails.flatMap(({ to }) => to).sort()).toEqual([ADMIN.email, 'second@example.com']);
      await isTold();
    });
  });

  describe('before a VPN session ends', () => {
    const user = { email: 'user@example.com', password: 'the password of a user' };
    const twoHours = 7_200;
    let id: string;
    beforeEach(async () => {
      await api.call('PATCH', '/configuration/security', { vpn_session_duration: twoHours });
      id = (await api.call('POST', '/users', user)).body.id;
    });
    const signIn = () => box.signedIn(user);
    /** Nothing else is sent meanwhile: the test is the first mail that comes. */
    const expectNothing = async (count: number) => {
      await sendTest(`barrier${count}@example.com`);
      expect((await server.next(count)).to).toEqual([`barrier${count}@example.com`]);
      expect(server.mails).toHaveLength(count + 1);
    };

    it('its owner is told once, also when the service restarts, and again for the next session', async () => {
      await (await signIn()).post('/devices', { name: 'Phone' });
      box.clock.advance((twoHours - 900) * 1_000);
      await expectNothing(0);
      box.clock.advance(4 * MINUTE_MS);
      const { to, text } = await server.next(1);
      expect(to).toEqual([user.email]);
      expect(text).toContain('Your VPN session ends at 2026-06-01 14:00 UTC.');
      expect(text).toContain('http://localhost:13000/login');
      for (const plugin of ['disable', 'enable']) await admin.post(`/admin/plugins/mail/${plugin}`);
      box.clock.advance(4 * MINUTE_MS);
      await expectNothing(2);
      await signIn();
      box.clock.advance((twoHours - 700) * 1_000);
      expect((await server.next(3)).to).toEqual([user.email]);
    });

    const adds = (browser: TestBrowser) => browser.post('/devices', { name: 'Phone' });
    const reasons: readonly (readonly [string, (browser: TestBrowser) => Promise<unknown>])[] = [
      ['without a device', async () => undefined],
      ['with a paused device', async (browser) => pause(await adds(browser), browser)],
      ['who is disabled', async (browser) => adds(browser).then(() => api.call('POST', `/users/${id}/disable`))],
      ['whose session was ended', async (browser) => adds(browser).then(() => api.call('POST', `/users/${id}/vpn-end`))],
    ];
    it.each(reasons)('nobody is told %s', async (_, prepare) => {
      await prepare(await signIn());
      box.clock.advance((twoHours - 600) * 1_000);
      await expectNothing(0);
    });

    it('its owner is told later when the server is down just then', async () => {
      await (await signIn()).post('/devices', { name: 'Phone' });
      await set({ password: 'wrong' });
      box.clock.advance((twoHours - 700) * 1_000);
      await until('the failure to be told', async () => (await notifications()).length === 1);
      await set({ password: MAIL_PASSWORD });
      await until('another try', () => {
        box.clock.advance(MINUTE_MS);
        return server.mails.length > 0;
      });
      expect(server.mails.map(({ to }) => to)).toEqual([[user.email]]);
    });
  });
});

async function pause({ text }: { readonly text: string }, browser: TestBrowser): Promise<void> {
  const [, id] = /href="\/devices\/([0-9a-f-]{36})"/.exec(text) ?? [];
  await browser.post(`/devices/${id}/pause`);
}

/** Something that listens, and is no mail server. */
async function listen(serve: (socket: Socket) => void): Promise<AsyncDisposable & { readonly port: number }> {
  const open = new Set<Socket>();
  const listener = createServer((socket) => {
    open.add(socket.on('error', () => {}));
    serve(socket);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return {
    port: (listener.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      listener.close();
    },
  };
}
