import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi } from '../../support/api.ts';
import { apiOf } from '../../support/api.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { createIdp, describeIdp, type Idp, makeKeyPair } from '../../support/saml-idp.ts';
import { until } from '../../support/wait.ts';
import { begin, formOf, PROVIDER } from './box.ts';

const DAY_MS = 86_400_000;

/** A place on this machine where metadata stands, which a test may change. */
async function serveMetadata(answer: () => { readonly status?: number; readonly text: string; readonly location?: string }) {
  const server = createServer((_request, response) => {
    const { status = 200, text, location } = answer();
    response.writeHead(status, location === undefined ? {} : { location });
    response.end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metadata`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe('SAML providers', () => {
  let box: TestApp;
  let admin: TestBrowser;
  let api: TestApi;
  let idp: Idp;
  beforeAll(async () => {
    idp = await createIdp('https://idp.example');
    box = await createTestApp();
    admin = await box.signedIn();
    api = await apiOf(box);
  });
  afterAll(() => box[Symbol.asyncDispose]());

  const create = (form: Record<string, string>) => admin.post(PROVIDER, form);
  const rowsOf = (action: string) => box.app.db.writer.prepare(`SELECT changes FROM audit_log WHERE action = ?`).pluck().all(action) as string[];

  it('are none at first: the page says what is needed, and the sign-in page offers nothing', async () => {
    expect((await admin.get(PROVIDER)).text).toContain('No SAML provider yet');
    expect((await box.browser().get('/login')).text).not.toContain('/auth/saml/');
    expect((await admin.get('/account')).text).not.toContain('Connect a provider');
  });

  it('are created, offered, shown with what is to be registered, changed and deleted', async () => {
    expect((await create(formOf(idp, 'acme', { label: 'Acme' }))).location).toBe(`${PROVIDER}/acme`);
    expect((await box.browser().get('/login?return_to=/devices/new')).text).toContain('href="/auth/saml/auth/signin/acme?return_to=%2Fdevices%2Fnew"');
    const page = (await admin.get(`${PROVIDER}/acme`)).text;
    for (const shown of ['sp/consume/acme', 'sp/metadata/acme', 'https://idp.example', 'https://idp.example/sso']) expect(page).toContain(shown);
    const {
      metadata: _kept,
      enabled: _off,
      ...changes
    } = formOf(idp, 'acme', { label: 'Acme 2', adminGroups: 'CN=Box admins, OU=IT\nOthers', allowedDomains: 'Example.com, acme.test' });
    expect((await admin.post(`${PROVIDER}/acme`, changes)).status).toBe(303);
    const { body } = await api.call('GET', '/saml-providers/acme');
    expect(body).toMatchObject({
      label: 'Acme 2',
      enabled: false,
      admin_groups: ['CN=Box admins, OU=IT', 'Others'],
      allowed_domains: ['example.com', 'acme.test'],
    });
    expect((await box.browser().get('/login')).text).not.toContain('/auth/saml/');
    expect((await box.browser().get('/auth/saml/auth/signin/acme')).status).toBe(404);
    expect((await admin.get(`${PROVIDER}/acme/delete`)).text).toContain('Delete Acme 2?');
    await admin.post(`${PROVIDER}/acme/delete`);
    expect((await admin.get(`${PROVIDER}/acme`)).status).toBe(404);
    expect(rowsOf('saml-provider.changed')[0]).toContain('"label":["Acme","Acme 2"]');
    expect(rowsOf('saml-provider.deleted')).toHaveLength(1);
  });

  it('do the same through the API', async () => {
    const made = await api.call('POST', '/saml-providers', { id: 'by-api', label: 'By API', metadata: idp.metadata(), admin_groups: ['a, b'] });
    expect([made.status, made.body.entity_id, made.body.certificates.length]).toEqual([201, 'https://idp.example', 1]);
    expect((await api.call('PATCH', '/saml-providers/by-api', { label: 'Named anew' })).body).toMatchObject({ label: 'Named anew', admin_groups: ['a, b'] });
    expect((await api.call('GET', '/saml-providers')).body.map(({ id }: { id: string }) => id)).toEqual(['by-api']);
    expect((await api.call('POST', '/saml-providers/by-api/metadata')).body.errors).toHaveProperty('metadata');
    expect((await api.call('DELETE', '/saml-providers/by-api')).status).toBe(204);
    expect((await api.call('GET', '/saml-providers/by-api')).status).toBe(404);
  });

  const weak = async () => describeIdp('https://weak.example', 'https://weak.example/sso', [(await makeKeyPair(DAY_MS, undefined, 1024)).certificate]);
  const refused: readonly (readonly [string, string, () => Record<string, string> | Promise<Record<string, string>>])[] = [
    ['a name with a slash', 'lower-case letters', () => formOf(idp, '../x')],
    ['a name that is a page of ours', 'word of this box', () => formOf(idp, 'new')],
    ['no label', 'is required', () => formOf(idp, 'x', { label: '' })],
    ['neither metadata nor their address', 'is needed', () => formOf(idp, 'x', { metadata: '' })],
    ['metadata that are no XML', 'well-formed', () => formOf(idp, 'x', { metadata: 'nonsense' })],
    ['metadata of something else', 'no SAML 2.0 metadata', () => formOf(idp, 'x', { metadata: '<a/>' })],
    [
      'metadata of a service',
      'describes no identity provider',
      () => formOf(idp, 'x', { metadata: idp.metadata().replaceAll('IDPSSODescriptor', 'SPSSODescriptor') }),
    ],
    ['metadata with a document type', 'document type', () => formOf(idp, 'x', { metadata: `<!DOCTYPE x [<!ENTITY a "b">]>${idp.metadata().slice(21)}` })],
    [
      'metadata of several providers',
      'several identity providers',
      () =>
        formOf(idp, 'x', {
          metadata: `<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">${idp.metadata().slice(21).repeat(2)}</md:EntitiesDescriptor>`,
        }),
    ],
    [
      'an address that runs scripts',
      'neither https nor http',
      () => formOf(idp, 'x', { metadata: describeIdp('https://e', 'javascript:alert(1)', [idp.pair.certificate]) }),
    ],
    ['no certificate', 'no signing certificate', () => formOf(idp, 'x', { metadata: describeIdp('https://e', 'https://e/sso', []) })],
    ['a certificate that is none', 'cannot be read', () => formOf(idp, 'x', { metadata: describeIdp('https://e', 'https://e/sso', ['QUJD']) })],
    ['a weak key', '1024 bits', async () => formOf({ metadata: () => '' }, 'x', { metadata: await weak() })],
    ['a domain that is none', 'must be domains', () => formOf(idp, 'x', { allowedDomains: 'exa$mple' })],
    ['a file as address', 'must be an address', () => formOf(idp, 'x', { metadata: '', metadataUrl: 'file:///etc/passwd' })],
    ['an address of this box', 'must be allowed first', () => formOf(idp, 'x', { metadata: '', metadataUrl: 'http://127.0.0.1:9/metadata' })],
    ['a name of this box', 'must be allowed first', () => formOf(idp, 'x', { metadata: '', metadataUrl: 'http://localhost:9/metadata' })],
    ['the link’s own services', 'must be allowed first', () => formOf(idp, 'x', { metadata: '', metadataUrl: 'http://169.254.169.254/latest' })],
  ];
  it.each(refused)('with %s are refused beside the field', async (_, why, form) => {
    const answer = await create(await form());
    expect(answer.status).toBe(422);
    expect(answer.text).toContain(why);
    expect((await admin.get(`${PROVIDER}/x`)).status).toBe(404);
  });

  it('are created once under a name', async () => {
    await create(formOf(idp, 'twice'));
    expect((await create(formOf(idp, 'twice'))).text).toContain('twice is taken');
  });

  it('are nobody’s business but administrators’', async () => {
    await api.call('POST', '/users', { email: 'user@example.com', password: 'the password of user' });
    const user = await box.signedIn({ email: 'user@example.com', password: 'the password of user' });
    for (const path of [PROVIDER, `${PROVIDER}/new`, `${PROVIDER}/twice`, `${PROVIDER}/twice/delete`, `${PROVIDER}/key/renewal`]) {
      expect((await user.get(path)).status, path).toBe(403);
      expect((await box.browser().get(path)).location, path).toContain('/login');
    }
    for (const path of [PROVIDER, `${PROVIDER}/twice`, `${PROVIDER}/twice/delete`, `${PROVIDER}/twice/metadata`, `${PROVIDER}/key/renewal`])
      expect((await user.post(path, formOf(idp, 'mine'))).status, path).toBe(403);
  });

  it('say nothing that a page would run', async () => {
    const evil = '"><script>alert(1)</script>';
    const metadata = describeIdp(`https://e.example/${evil}`, `https://e.example/sso?${encodeURIComponent(evil)}`, [idp.pair.certificate]);
    const form = formOf(idp, 'evil', { label: evil, metadata, subjectAttribute: evil, emailAttribute: evil, groupsAttribute: evil, adminGroups: evil });
    expect((await create(form)).status).toBe(303);
    for (const path of [PROVIDER, `${PROVIDER}/evil`, `${PROVIDER}/evil/delete`, '/login', '/account', '/admin/audit']) {
      const { text } = await (path === '/login' ? box.browser() : admin).get(path);
      expect(text, path).not.toContain('<script>alert');
    }
    expect((await admin.post('/account/saml/evil/connect')).text).not.toContain('<script>alert');
    await admin.post(`${PROVIDER}/evil/delete`);
  });

  it('take their metadata from an address that an administrator allows, and anew only when one asks', async () => {
    let metadata = idp.metadata();
    await using place = await serveMetadata(() => ({ text: metadata }));
    const form = formOf(idp, 'fetched', { metadata: '', metadataUrl: place.url, mayReachThisBox: 'on' });
    expect((await create(form)).status).toBe(303);
    const fingerprints = async () =>
      (await api.call('GET', '/saml-providers/fetched')).body.certificates.map(({ fingerprint }: { fingerprint: string }) => fingerprint);
    const before = await fingerprints();
    metadata = idp.metadata([(await makeKeyPair()).certificate]);
    box.clock.advance(3 * DAY_MS);
    await admin.post(`${PROVIDER}/fetched`, form);
    expect(await fingerprints()).toEqual(before);
    expect((await admin.get(`${PROVIDER}/fetched/metadata`)).text).toContain(place.url);
    expect((await admin.post(`${PROVIDER}/fetched/metadata`)).location).toBe(`${PROVIDER}/fetched`);
    const after = await fingerprints();
    expect(after).not.toEqual(before);
    expect(rowsOf('saml-provider.metadata-fetched')[0]).toContain(after[0]);
  });

  it('keep what they have when their address answers nonsense, too much, or leads elsewhere', async () => {
    let answer: Parameters<typeof serveMetadata>[0] = () => ({ text: idp.metadata() });
    await using place = await serveMetadata(() => answer());
    await create(formOf(idp, 'steady', { metadata: '', metadataUrl: place.url, mayReachThisBox: 'on' }));
    const wrong: readonly (readonly [string, ReturnType<typeof answer>])[] = [
      ['well-formed', { text: 'nonsense' }],
      ['answered 500', { status: 500, text: '' }],
      ['more than', { text: 'x'.repeat(600_000) }],
      ['neither https nor http', { status: 302, text: '', location: 'file:///etc/passwd' }],
    ];
    for (const [why, one] of wrong) {
      answer = () => one;
      const got = await admin.post(`${PROVIDER}/steady/metadata`);
      expect([got.status, got.text.includes(why)], why).toEqual([422, true]);
    }
    expect((await api.call('GET', '/saml-providers/steady')).body.entity_id).toBe('https://idp.example');
  });

  it('get requests and metadata signed by the key of this box, which is renewed in two steps', async () => {
    await create(formOf(idp, 'keyed'));
    const asked = await begin(box.browser(), 'keyed');
    expect(asked.query.get('SigAlg')).toBe('http://www.w3.org/2001/04/xmldsig-more#rsa-sha256');
    expect(asked.query.has('Signature')).toBe(true);
    const certificatesIn = async () =>
      [...(await box.browser().get('/auth/saml/sp/metadata/keyed')).text.matchAll(/X509Certificate>([^<]+)</g)].map(([, der]) => der);
    const [first] = await certificatesIn();
    expect((await box.browser().get('/auth/saml/sp/metadata/keyed')).text).toContain('SignatureValue');
    expect((await admin.get(`${PROVIDER}/key/renewal`)).status).toBe(200);
    await admin.post(`${PROVIDER}/key/renewal`);
    const both = await certificatesIn();
    expect([both.length, both[0]]).toEqual([2, first]);
    expect((await admin.post(`${PROVIDER}/key/renewal`)).status).toBe(409);
    const { body } = await api.call('POST', '/saml-key/renewal/end');
    expect(body).toMatchObject({ is_renewing: false });
    expect(await certificatesIn()).toEqual([both[1]]);
    expect((await api.call('POST', '/saml-key/renewal/end')).status).toBe(409);
    expect([...rowsOf('saml-key.made'), ...rowsOf('saml-key.renewed'), ...rowsOf('saml-key.renewal-finished')]).toHaveLength(3);
  });

  it('are told of certificates that end, once a day, a month before', async () => {
    const ending = await makeKeyPair(40 * DAY_MS, box.clock.now());
    await create(
      formOf(idp, 'ending', { label: 'Ending', metadata: describeIdp('https://ending.example', 'https://ending.example/sso', [ending.certificate]) }),
    );
    const told = async () =>
      (await api.call('GET', '/notifications')).body.filter(({ message }: { message: string }) => message.includes('certificate of Ending'));
    let days = 0;
    await until('the notification', async () => {
      box.clock.advance(DAY_MS);
      days += 1;
      return (await told()).length === 1;
    });
    expect(days).toBeGreaterThanOrEqual(10);
    expect((await (await box.signedIn()).get(PROVIDER)).text).toContain('status-yellow');
  });
});
