import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, type RequestListener, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import Koa from 'koa';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Certificates, openCertificates } from '../../../core/http/certificates.ts';
import { strictTransport } from '../../../core/http/headers.ts';
import { listen } from '../../../core/http/listen.ts';
import { ADMIN, createTestApp } from '../../support/app.ts';
import { type Authority, createAuthority } from '../../support/certificates.ts';
import { createTestClock, type TestClock } from '../../support/clock.ts';

const DAY_MS = 86_400_000;
const FROM = new Date('2026-05-01');
const UNTIL = new Date('2026-08-01');
const NAMES = ['box.lan', '192.168.1.5', 'fd00::5'];

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly fingerprint: string | undefined;
}

/** Asks whoever is there, whatever certificate they show. */
function ask(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  const request = url.startsWith('https:') ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers, agent: false, rejectUnauthorized: false } as object, async (response) => {
      const fingerprint = (response.socket as TLSSocket).getPeerX509Certificate?.()?.fingerprint256;
      let text = '';
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text, fingerprint });
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('https', () => {
  let directory: string;
  let clock: TestClock;
  let authority: Authority;
  let roots: string[];
  const stops: (() => unknown)[] = [];
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'wiregui-tls-'));
    clock = createTestClock();
    authority = await createAuthority();
    roots = [];
  });
  afterEach(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop();
    rmSync(directory, { recursive: true });
  });

  const openHere = () => openCertificates({ directory, names: () => NAMES, clock, log: pino({ level: 'silent' }), roots });
  async function serve(answer: RequestListener, certificates: Certificates) {
    const ports = { http: 20_000 + Math.floor(Math.random() * 20_000), https: 20_000 + Math.floor(Math.random() * 20_000) };
    const listening = await listen(answer, certificates, { host: '127.0.0.1', port: ports.http, httpsPort: ports.https });
    stops.push(() => listening.close());
    return { ports, plain: `http://127.0.0.1:${ports.http}`, secure: `https://127.0.0.1:${ports.https}` };
  }
  const boot = async () => {
    const box = await createTestApp({ plugins: [], env: { WG_EXTERNAL_URL: 'https://box.lan' } });
    stops.push(() => box[Symbol.asyncDispose]());
    return box;
  };

  it('begins with a certificate made here, for this box’s names, that stays', async () => {
    const certificates = await openHere();
    const facts = certificates.facts();
    expect(facts.names).toEqual(['box.lan', '192.168.1.5', 'fd00::5']);
    expect(facts.trust).toBe('own');
    expect(facts.until.getTime() - clock.now().getTime()).toBe(825 * DAY_MS);
    expect(statSync(join(directory, 'key.pem')).mode & 0o777).toBe(0o600);
    expect((await openHere()).facts().fingerprint).toBe(facts.fingerprint);
  });

  it('is made anew when a power cut or a person has left half of it', async () => {
    const { fingerprint } = (await openHere()).facts();
    writeFileSync(join(directory, 'key.pem'), readFileSync(join(directory, 'key.pem'), 'utf8').slice(0, 60));
    expect((await openHere()).facts().fingerprint).not.toBe(fingerprint);
  });

  it('renews what was made here a month before its end, and nothing else', async () => {
    const certificates = await openHere();
    const { fingerprint } = certificates.facts();
    clock.advance(794 * DAY_MS);
    await certificates.renewOwn();
    expect(certificates.facts().fingerprint).toBe(fingerprint);
    clock.advance(2 * DAY_MS);
    await certificates.renewOwn();
    expect(certificates.facts().fingerprint).not.toBe(fingerprint);
    certificates.install(await authority.issue('box.lan', FROM, new Date('2028-09-01')));
    clock.advance(20 * DAY_MS);
    const installed = certificates.facts().fingerprint;
    await certificates.renewOwn();
    expect(certificates.facts().fingerprint).toBe(installed);
  });

  it('shows an installed certificate from the next connection on, and after a restart', async () => {
    const certificates = await openHere();
    const { secure } = await serve((await boot()).app.http.callback(), certificates);
    expect((await ask(`${secure}/login`)).fingerprint).toBe(certificates.facts().fingerprint);
    certificates.install(await authority.issue('box.lan', FROM, UNTIL));
    expect(certificates.facts()).toMatchObject({ names: ['box.lan'], issuer: 'CN=Test authority', trust: 'private' });
    expect((await ask(`${secure}/login`)).fingerprint).toBe(certificates.facts().fingerprint);
    expect((await openHere()).facts().fingerprint).toBe(certificates.facts().fingerprint);
    await certificates.makeOwn();
    expect((await ask(`${secure}/login`)).fingerprint).toBe(certificates.facts().fingerprint);
    expect(certificates.facts().trust).toBe('own');
  });

  it('refuses a certificate that would lock everybody out, and keeps the one it has', async () => {
    const certificates = await openHere();
    const { fingerprint } = certificates.facts();
    const good = await authority.issue('box.lan', FROM, UNTIL);
    const other = await authority.issue('other.lan', FROM, UNTIL);
    const stranger = await createAuthority();
    const why = (given: { key: string; certificate: string }) => {
      try {
        certificates.install(given);
        return 'installed';
      } catch (error) {
        return String(error);
      }
    };
    expect(why({ ...good, key: other.key })).toMatch(/key: does not belong/);
    expect(why({ ...good, key: 'hello' })).toMatch(/key: must be a private key/);
    expect(why({ ...good, certificate: 'hello' })).toMatch(/certificate: must be a certificate/);
    expect(why({ ...good, certificate: good.certificate.replace(/\n(.{10})/, '\nAAAA') })).toMatch(/certificate: must be a certificate/);
    expect(why({ ...good, certificate: `${good.certificate}\n${stranger.root}` })).toMatch(/certificate 1 is not signed/);
    expect(why(await authority.issue('box.lan', FROM, new Date('2026-05-31')))).toMatch(/not today/);
    expect(why(await authority.issue('box.lan', new Date('2026-07-01'), UNTIL))).toMatch(/not today/);
    expect(certificates.facts().fingerprint).toBe(fingerprint);
    expect(why({ ...good, certificate: `${good.certificate}\n${authority.root}` })).toBe('installed');
  });

  it('tells browsers to keep to https once they know the certificate, not before', async () => {
    roots = [authority.root];
    const certificates = await openHere();
    const app = new Koa().use(strictTransport(() => certificates.facts().trust === 'public'));
    const { secure, plain } = await serve(app.callback(), certificates);
    const promise = async (url: string) => (await ask(url)).headers['strict-transport-security'];
    expect([await promise(secure), await promise(`${plain}/api/health`)]).toEqual([undefined, undefined]);
    certificates.install(await authority.issue('box.lan', FROM, UNTIL));
    expect([await promise(secure), await promise(`${plain}/api/health`)]).toEqual(['max-age=31536000', undefined]);
  });

  it('is where http leads, by whatever name the box was asked', async () => {
    const { plain, ports } = await serve((await boot()).app.http.callback(), await openHere());
    for (const host of ['box.lan', '192.168.1.5', '[fd00::5]', 'box.lan:8080']) {
      const answer = await ask(`${plain}/devices?q=a%0d%0ab`, { host });
      expect([answer.status, answer.headers.location]).toEqual([308, `https://${host.replace(':8080', '')}:${ports.https}/devices?q=a%0d%0ab`]);
    }
    for (const host of ['evil.example/@box.lan', 'a b', 'user@evil.example', '-->', 'box.lan:99x']) expect((await ask(plain, { host })).status, host).toBe(400);
  });

  it('leaves http to challenges of certificate authorities and to the question of health', async () => {
    const certificates = await openHere();
    const { plain } = await serve((await boot()).app.http.callback(), certificates);
    certificates.challenges.set('token', 'token.thumbprint');
    expect((await ask(`${plain}/.well-known/acme-challenge/token`)).text).toBe('token.thumbprint');
    expect((await ask(`${plain}/.well-known/acme-challenge/other`)).status).toBe(308);
    expect((await ask(`${plain}/api/health`)).status).toBe(200);
    expect((await ask(`${plain}/api/health/../v0/users`)).status).toBe(308);
  });

  it('carries the pages, with cookies that never go by http', async () => {
    const box = await createTestApp({ plugins: [], env: { WG_HTTPS_PORT: '443', WG_EXTERNAL_URL: '' } });
    stops.push(() => box[Symbol.asyncDispose]());
    expect(box.app.certificates?.facts().trust).toBe('own');
    const answer = await box.browser().post('/login', ADMIN);
    expect(answer.headers.get('set-cookie')).toMatch(/^__Host-wiregui=.*secure/i);
    expect(answer.headers.get('strict-transport-security')).toBeNull();
  });
});
