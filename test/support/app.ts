import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type App, createApp } from '../../core/app.ts';
import { readConfig } from '../../core/config.ts';
import type { Plugin } from '../../core/plugin/contract.ts';
import { programPaths } from '../../core/system/paths.ts';
import { run, watch } from '../../core/system/run.ts';
import { plugins as allPlugins } from '../../plugins/index.ts';
import { createTestClock, type TestClock } from './clock.ts';
import type { Network } from './network.ts';

export const ADMIN = { email: 'admin@example.com', password: 'correct horse battery' };

/** The whole application in this process, over HTTP, with a clock that the test moves; the data plane is off. */
export interface TestApp extends AsyncDisposable {
  readonly app: App;
  readonly url: string;
  readonly clock: TestClock;
  readonly dataDirectory: string;
  browser(): TestBrowser;
  /** A browser that has signed in. */
  signedIn(who?: { readonly email: string; readonly password: string }): Promise<TestBrowser>;
}

/** A browser without scripts: keeps cookies, says where its requests come from, follows nothing by itself. */
export interface TestBrowser {
  readonly cookies: Map<string, string>;
  get(path: string, headers?: Record<string, string>): Promise<TestAnswer>;
  post(path: string, form?: Record<string, string>, headers?: Record<string, string>): Promise<TestAnswer>;
}

export interface TestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly location: string | null;
  readonly text: string;
}

interface TestAppOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly plugins?: readonly Plugin[];
  readonly dataDirectory?: string;
  /** With a network the data plane is on, inside its server namespace. */
  readonly network?: Network;
  /** What time it is at the beginning. */
  readonly start?: Date;
}

export async function createTestApp({
  env = {},
  plugins = allPlugins,
  dataDirectory = mkdtempSync(join(tmpdir(), 'wiregui-app-')),
  network,
  start,
}: TestAppOptions = {}): Promise<TestApp> {
  const clock = createTestClock(start);
  const config = readConfig({
    WG_DATA_DIR: dataDirectory,
    WG_WG_ENABLED: network ? 'true' : 'false',
    WG_WG_INTERFACE: network?.interfaceName ?? 'wg-test',
    WG_EXTERNAL_URL: 'http://localhost:13000',
    ...env,
  });
  const app = await createApp({
    config,
    paths: programPaths(),
    plugins,
    clock,
    log: pino({ level: 'silent' }),
    run: network?.server.run ?? run,
    watch: network?.server.watch ?? watch,
  });
  if (env['WG_ADMIN_EMAIL'] !== '') await app.setup.createOrResetAdmin(ADMIN.email, ADMIN.password);
  await app.start();
  const server = createServer(app.http.callback());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const browser = () => createBrowser(url);

  return {
    app,
    url,
    clock,
    dataDirectory,
    browser,
    async signedIn({ email, password } = ADMIN) {
      const visitor = browser();
      const answer = await visitor.post('/login', { email, password });
      if (answer.status !== 303) throw new Error(`could not sign in as ${email}: ${answer.status}`);
      return visitor;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await app.stop();
      rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
}

export function createBrowser(url: string): TestBrowser {
  const cookies = new Map<string, string>();

  async function send(method: string, path: string, headers: Record<string, string>, body?: URLSearchParams): Promise<TestAnswer> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url + path, {
      method,
      redirect: 'manual',
      headers: { accept: 'text/html', 'sec-fetch-site': 'same-origin', ...(cookie ? { cookie } : {}), ...headers },
      ...(body ? { body } : {}),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '' || line.includes('expires=Thu, 01 Jan 1970')) cookies.delete(name);
      else cookies.set(name, value);
    }
    return { status: response.status, headers: response.headers, location: response.headers.get('location'), text: await response.text() };
  }

  return {
    cookies,
    get: (path, headers = {}) => send('GET', path, headers),
    post: (path, form = {}, headers = {}) => send('POST', path, headers, new URLSearchParams(form)),
  };
}
