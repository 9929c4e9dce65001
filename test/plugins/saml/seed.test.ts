import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { apiOf } from '../../support/api.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';
import { createIdp, type Idp } from '../../support/saml-idp.ts';
import { until } from '../../support/wait.ts';
import { PROVIDER, signInThrough, whoIs } from './box.ts';

describe('SAML providers in WG_IDP_CONFIG_FILE', () => {
  let idp: Idp;
  let folder: string;
  let file: string;
  beforeAll(async () => {
    idp = await createIdp('https://idp.example');
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'wiregui-seed-'));
    file = join(folder, 'providers.yaml');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const boot = async (saml: unknown): Promise<TestApp> => {
    writeFileSync(file, stringify({ saml }));
    return createTestApp({ env: { WG_IDP_CONFIG_FILE: file }, dataDirectory: join(folder, 'data') });
  };
  const again = async (box: TestApp, saml: unknown): Promise<TestApp> => {
    await box.app.stop();
    return boot(saml);
  };
  const stateOf = (box: TestApp) => box.app.host.statuses().find(({ plugin }) => plugin.manifest.id === 'saml')?.state;
  const acme = () => ({ id: 'acme', label: 'Acme', metadata: idp.metadata(), auto_create_users: true });

  it('are there from the start, and cannot be changed on the page', async () => {
    await using box = await boot([{ ...acme(), allowed_domains: ['example.com'] }]);
    expect(await whoIs((await signInThrough(box, idp)).browser)).toBe('alice@example.com');
    const admin = await box.signedIn();
    const page = (await admin.get(`${PROVIDER}/acme`)).text;
    expect([page.includes('from the file'), page.includes('name="label"')]).toEqual([true, false]);
    for (const path of ['acme', 'acme/delete']) expect((await admin.post(`${PROVIDER}/${path}`, { label: 'Mine' })).status).toBe(409);
    expect((await (await apiOf(box)).call('PATCH', '/saml-providers/acme', { label: 'Mine' })).status).toBe(409);
  });

  it('follow the file at the next start, without touching who signed in before', async () => {
    const first = await boot([acme()]);
    await signInThrough(first, idp);
    await using box = await again(first, [{ ...acme(), label: 'Named anew' }]);
    expect((await box.browser().get('/login')).text).toContain('Named anew');
    expect(await whoIs((await signInThrough(box, idp)).browser)).toBe('alice@example.com');
  });

  it('can be edited on the page when the file no longer names them', async () => {
    await using box = await again(await boot([acme()]), []);
    const admin = await box.signedIn();
    expect((await admin.get(`${PROVIDER}/acme`)).text).toContain('name="label"');
    expect((await admin.post(`${PROVIDER}/acme/delete`)).status).toBe(303);
  });

  const wrong: readonly (readonly [string, (good: object) => unknown, string])[] = [
    ['an unknown field', (good) => [{ ...good, colour: 'red' }], 'saml [0] colour'],
    ['a field of the wrong kind', (good) => [good, { ...good, id: 'b', enabled: 'perhaps' }], 'saml [1] enabled'],
    ['metadata that cannot be read', (good) => [{ ...good, metadata: 'nonsense' }], 'saml acme metadata'],
    ['no metadata at all', (good) => [{ ...good, metadata: '' }], 'saml [0] metadata'],
    ['one name twice', (good) => [good, good], 'acme is taken'],
    ['no list', () => 'acme', 'must be a list'],
  ];
  it.each(wrong)('with %s are named, and the rest of the box runs', async (_, list, why) => {
    await using box = await boot(list(acme()));
    expect(stateOf(box)).toMatchObject({ kind: 'failed', why: expect.stringContaining(why) });
    expect((await (await box.signedIn()).get('/admin/plugins')).text).toContain('saml');
    expect((await box.browser().get('/login')).status).toBe(200);
  });

  it('whose metadata stand elsewhere are fetched later, and hold nobody up meanwhile', async () => {
    let isThere = false;
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      // At first it takes the question and never answers.
      if (isThere) response.end(idp.metadata());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const entry = { ...acme(), metadata: '', metadata_url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, may_reach_this_box: true };
    const box = await boot([entry]);
    expect(stateOf(box)).toEqual({ kind: 'running' });
    await until('it to be asked', () => asked === 1);
    expect((await box.browser().get('/login')).status).toBe(200);
    isThere = true;
    server.closeAllConnections();
    await until('the provider to be there', async () => {
      box.clock.advance(60_001);
      return (await box.browser().get('/login')).text.includes('Acme');
    });
    // A start with what was fetched asks nobody.
    const before = asked;
    await using next = await again(box, [entry]);
    expect([stateOf(next), asked, (await next.browser().get('/login')).text.includes('Acme')]).toEqual([{ kind: 'running' }, before, true]);
    server.close();
  });
});
