import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listen } from '../../../core/http/listen.ts';
import { certificate } from '../../../plugins/certificate/index.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { createAuthority } from '../../support/certificates.ts';
import { type Pebble, startPebble } from '../../support/pebble.ts';

const ROOT = '/admin/settings/certificate';
const DAY_MS = 86_400_000;
const [FROM, UNTIL] = [new Date(Date.now() - DAY_MS), new Date(Date.now() + 90 * DAY_MS)];

describe('the certificate', () => {
  let box: TestApp;
  let admin: TestBrowser;
  const stops: (() => unknown)[] = [];
  beforeEach(async () => {
    // The authority has a clock of its own.
    box = await createTestApp({ plugins: [certificate], env: { WG_HTTPS_PORT: '443' }, start: new Date() });
    stops.push(() => box[Symbol.asyncDispose]());
    admin = await box.signedIn();
  });
  afterEach(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop();
  });

  const facts = () => box.app.certificates?.facts();
  const notifications = async () => (await admin.get('/admin/diagnostics')).text;

  /** The box as an authority meets it, and the authority. */
  async function withAuthority(): Promise<{ pebble: Pebble; settings: Record<string, string> }> {
    const httpPort = 20_000 + Math.floor(Math.random() * 20_000);
    const listening = await listen(box.app.http.callback(), box.app.certificates, { host: '127.0.0.1', port: httpPort, httpsPort: httpPort + 1 });
    stops.push(() => listening.close());
    const pebble = await startPebble(httpPort);
    stops.push(() => pebble[Symbol.asyncDispose]());
    const { directory, authority } = pebble;
    return {
      pebble,
      settings: {
        automatic: 'on',
        agrees: 'on',
        names: 'vpn.example.com, box.example.com',
        email: 'a@example.com',
        directory,
        authorities: authority.root,
        mayReachThisBox: 'on',
      },
    };
  }

  /** The test's clock stands still; an authority takes its time. */
  async function whileTimePasses<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const end = work.finally(() => {
      isDone = true;
    });
    for (let step = 0; step < 400 && !isDone; step += 1) {
      await new Promise((resolve) => setTimeout(resolve, 25));
      box.clock.advance(500);
    }
    return end;
  }

  it('is shown with its fingerprint, and where nobody serves https here that is said', async () => {
    expect((await admin.get(ROOT)).text).toContain(facts()?.fingerprint);
    await using other = await createTestApp({ plugins: [certificate] });
    const page = (await (await other.signedIn()).get(ROOT)).text;
    expect(page).toContain('WG_HTTPS_PORT');
    expect(page).not.toContain('name="key"');
  });

  it('may be one’s own; a wrong one is said beside its field, and the key is never shown again', async () => {
    const { key, certificate: pem } = await (await createAuthority()).issue('box.lan', FROM, UNTIL);
    const other = await (await createAuthority()).issue('box.lan', FROM, UNTIL);
    const refused = await admin.post(`${ROOT}/own`, { certificate: pem, key: other.key });
    expect(refused.status).toBe(422);
    expect(refused.text).toContain('does not belong to the certificate');
    expect(refused.text).not.toContain(other.key.split('\n')[1]);
    expect((await admin.post(`${ROOT}/own`, { certificate: pem, key })).status).toBe(303);
    expect(facts()?.names).toEqual(['box.lan']);
    const audit = (await admin.get('/admin/audit')).text;
    expect(audit).toContain('certificate.installed');
    expect(audit).not.toContain('PRIVATE KEY');
    expect((await admin.get(`${ROOT}/made-here`)).text).toContain('Browsers will ask');
    await admin.post(`${ROOT}/made-here`);
    expect(facts()?.trust).toBe('own');
  });

  it('is got from an authority, which finds its proof over http, and renewed in time', async () => {
    const { settings } = await withAuthority();
    expect((await admin.post(ROOT, settings)).status).toBe(303);
    const answer = await whileTimePasses(admin.post(`${ROOT}/order`));
    expect([answer.status, answer.text.match(/alert-danger[^>]*>([^<]*)/)?.[1]]).toEqual([303, undefined]);
    expect(facts()?.names.toSorted()).toEqual(['box.example.com', 'vpn.example.com']);
    expect(facts()?.issuer).toMatch(/Pebble/);
    expect(box.app.certificates?.challenges.size).toBe(0);
    const first = facts()?.fingerprint;
    await whileTimePasses(admin.post(`${ROOT}/order`));
    expect(facts()?.fingerprint).not.toBe(first);
    expect(box.app.db.writer.prepare('SELECT count(*) FROM certificate_accounts').pluck().get()).toBe(1);
    expect(box.app.db.writer.prepare('SELECT key FROM certificate_accounts').pluck().get()).not.toContain('PRIVATE');
  }, 60_000);

  it('stays when the authority refuses, and the administrator reads why', async () => {
    const { settings } = await withAuthority();
    await admin.post(ROOT, { ...settings, names: 'no_such.example.com' });
    const before = facts()?.fingerprint;
    const answer = await whileTimePasses(admin.post(`${ROOT}/order`));
    expect(answer.status).toBe(200);
    expect(answer.text).toMatch(/order: the authority says/);
    expect(facts()?.fingerprint).toBe(before);
    expect((await admin.get(ROOT)).text).toContain('Last try');
  }, 60_000);

  it('stays when the authority does not find the proof', async () => {
    const pebble = await startPebble(1);
    stops.push(() => pebble[Symbol.asyncDispose]());
    await admin.post(ROOT, {
      automatic: 'on',
      agrees: 'on',
      names: 'vpn.example.com',
      email: '',
      directory: pebble.directory,
      authorities: pebble.authority.root,
      mayReachThisBox: 'on',
    });
    const answer = await whileTimePasses(admin.post(`${ROOT}/order`));
    expect(answer.text).toMatch(/proof for vpn\.example\.com: the authority says/);
    expect(facts()?.trust).toBe('own');
  }, 60_000);

  it('is tried anew by itself, and a failure is told once', async () => {
    const untouched = { names: 'vpn.example.com', agrees: 'on', email: '', directory: 'https://localhost:8/dir', authorities: '' };
    await admin.post(ROOT, untouched);
    box.clock.advance(DAY_MS);
    await admin.post(ROOT, { ...untouched, automatic: 'on', directory: 'https://localhost:9/dir' });
    for (let days = 0; days < 2; days += 1) {
      box.clock.advance(DAY_MS / 2);
      await expect.poll(() => box.app.db.writer.prepare('SELECT count(*) FROM notifications').pluck().get()).toBe(1);
    }
    const page = await notifications();
    expect(page).toContain('could not be renewed: localhost:9 is 127.0.0.1');
    expect(page).not.toContain('localhost:8');
  });

  it('is asked for only when names are given and the terms are agreed to', async () => {
    const given = { automatic: 'on', agrees: 'on', names: 'vpn.example.com', email: '', directory: 'https://acme.example.com/dir', authorities: '' };
    const { agrees: _, ...disagreeing } = given;
    expect((await admin.post(ROOT, { ...given, names: '' })).text).toContain('at least one host name');
    expect((await admin.post(ROOT, disagreeing)).text).toContain('gives no certificate without it');
    expect((await admin.post(ROOT, { ...given, names: '192.0.2.1' })).text).toContain('must be host names');
    expect((await admin.post(ROOT, { ...given, directory: 'http://acme.example.com' })).status).toBe(422);
    expect((await admin.post(ROOT, { ...given, authorities: 'hello' })).status).toBe(422);
    expect((await admin.post(ROOT, { ...disagreeing, automatic: '' })).status).toBe(303);
  });

  it('is nothing for users', async () => {
    const user = { email: 'user@example.com', password: 'a secret of theirs' };
    await admin.post('/admin/users', { ...user, role: 'unprivileged' });
    const theirs = await box.signedIn(user);
    expect((await theirs.get(ROOT)).status).toBe(403);
    for (const path of ['/own', '/order', '/made-here']) expect((await theirs.post(ROOT + path)).status, path).toBe(403);
  });
});
