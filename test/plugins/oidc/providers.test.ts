import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSecrets } from '../../../core/system/secrets.ts';
import { loadLibrary, openClient } from '../../../plugins/oidc/client.ts';
import { connections } from '../../../plugins/oidc/tables.ts';
import { apiOf } from '../../support/api.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { ALICE, createOidcBox, type OidcBox } from '../../support/oidc-box.ts';
import { CLIENT } from '../../support/oidc-provider.ts';

const ROOT = '/admin/settings/oidc';
const USER = { email: 'user@example.com', password: 'the password of a user' };

describe('the providers', () => {
  let box: OidcBox;
  let admin: TestBrowser;
  const valid = (changes: Readonly<Record<string, string>> = {}) => ({
    id: 'second',
    label: 'Second',
    discoveryDocumentUri: box.provider.issuer,
    clientId: CLIENT.id,
    clientSecret: CLIENT.secret,
    scope: 'openid email',
    mayReachThisBox: 'on',
    enabled: 'on',
    ...changes,
  });
  beforeAll(async () => {
    box = await createOidcBox({ scope: 'openid email profile offline_access' });
    admin = await box.signedIn();
    await box.api.call('POST', '/users', USER);
  });
  afterAll(() => box[Symbol.asyncDispose]());

  it('are made, changed and deleted on their pages', async () => {
    const made = await admin.post(
      `${ROOT}/new`,
      valid({ adminClaim: 'groups', adminValues: 'VPN Admins\r\nroot, toor\r\n', allowedDomains: '@Example.com, example.org' }),
    );
    expect(made.location).toBe(`${ROOT}/providers/second`);
    const page = await admin.get(`${ROOT}/providers/second`);
    expect(page.text).toContain('http://localhost:13000/auth/oidc/second/callback');
    expect(page.text).toContain('VPN Admins\nroot, toor</textarea>');
    expect(page.text).toContain('value="example.com, example.org"');
    expect((await admin.get('/login')).status).toBe(303);
    expect((await box.browser().get('/login')).text).toContain('Second');
    await admin.post(`${ROOT}/providers/second`, { ...valid({ label: 'Other', clientSecret: '' }), enabled: '' });
    expect((await admin.get(ROOT)).text).toContain('Other');
    expect((await box.browser().get('/login')).text).not.toContain('Other');
    expect((await admin.get(`${ROOT}/providers/second/delete`)).text).toContain('Delete Other? Its button goes from the sign-in page.');
    expect((await admin.post(`${ROOT}/providers/second/delete`)).location).toBe(ROOT);
    expect((await admin.get(`${ROOT}/providers/second`)).status).toBe(404);
  });

  it.each([
    ['id', 'local'],
    ['id', 'identity'],
    ['id', 'saml'],
    ['id', 'magic_link'],
    ['id', 'passkey'],
    ['id', '../x'],
    ['id', 'Upper'],
    ['id', ''],
    ['id', 'google'],
    ['label', 'a\nb'],
    ['label', ''],
    ['discoveryDocumentUri', 'file:///etc/passwd'],
    ['discoveryDocumentUri', 'javascript:alert(1)'],
    ['discoveryDocumentUri', 'https://user:password@id.example.com'],
    ['discoveryDocumentUri', 'id.example.com'],
    ['clientId', ''],
    ['scope', 'email'],
    ['scope', 'openid "x"'],
    ['allowedDomains', 'example.com/x'],
    ['allowedDomains', 'user@example.com'],
    ['adminClaim', 'groups'],
  ])('refuse %s = %j beside its field', async (field, value) => {
    const answer = await admin.post(`${ROOT}/new`, valid({ [field]: value }));
    expect(answer.status).toBe(422);
    expect(answer.text).toContain(`id="field-${field === 'adminClaim' ? 'adminValues' : field}-error"`);
  });

  it('are https unless plain http is allowed', async () => {
    const answer = await admin.post(`${ROOT}/new`, valid({ mayReachThisBox: '' }));
    expect(answer.status).toBe(422);
    expect(answer.text).toContain('must begin with https:// unless plain http is allowed below');
  });

  it.each(['https://127.0.0.1:9', 'https://localhost:9', 'https://169.254.169.254/latest', 'https://[::1]:9', 'https://0.0.0.0:9', 'https://2130706433:9'])(
    'do not lead to this box or its link by accident: %s',
    async (discoveryDocumentUri) => {
      const { body } = await box.api.call('POST', '/oidc-providers/test', {
        id: 'x',
        label: 'X',
        discovery_document_uri: discoveryDocumentUri,
        client_id: 'x',
      });
      expect(body.findings).toEqual([{ kind: 'bad', sentence: expect.stringContaining('this box itself or its link, which must be allowed first') }]);
    },
  );

  it.each(['https://127.0.0.1:9/token', 'http://id.example.com/token'])('do not lead there by what their document says either: %s', async (token_endpoint) => {
    const metadata = {
      issuer: 'https://id.example.com',
      authorization_endpoint: 'https://id.example.com/auth',
      token_endpoint,
      jwks_uri: 'https://id.example.com/jwks',
    };
    const settings = { clientId: 'x', clientSecret: null, mayReachThisBox: false };
    const client = await openClient(settings, metadata as Parameters<typeof openClient>[1], createSecrets(Buffer.alloc(32)));
    const refused = await (await loadLibrary())
      .refreshTokenGrant(client, 'token')
      .catch((error: Error) => `${error.message} ${(error.cause as Error).message}`);
    expect(refused).toMatch(/this box itself or its link|only requests to HTTPS are allowed/);
  });

  it('are tested before they are saved', async () => {
    const good = await admin.post(`${ROOT}/test`, valid());
    for (const sentence of [
      'The discovery document was read',
      'PKCE with S256',
      '1 key to check',
      'It accepts the client id and secret',
      'sign people out there',
    ])
      expect(good.text).toContain(sentence);
    const wrongSecret = await admin.post(`${ROOT}/test`, valid({ clientSecret: 'wrong' }));
    expect(wrongSecret.text).toContain('It does not accept the client id and secret');
    const noClient = await admin.post(`${ROOT}/test`, valid({ clientId: 'nobody' }));
    expect(noClient.text).toContain('It does not accept the client id and secret');
    const wellKnown = await admin.post(`${ROOT}/test`, valid({ discoveryDocumentUri: `${box.provider.issuer}/.well-known/openid-configuration` }));
    expect(wellKnown.text).toContain('The discovery document was read');
    const nowhere = await admin.post(`${ROOT}/test`, valid({ discoveryDocumentUri: `${box.provider.issuer}/realms/none` }));
    expect(nowhere.text).toContain('It could not be read');
    expect((await admin.post(`${ROOT}/test`, valid({ scope: 'email' }))).status).toBe(422);
    expect((await admin.get(`${ROOT}/providers/second`)).status).toBe(404);
  });

  it('say in the test what is missing', async () => {
    box.provider.tamper.set('/.well-known/openid-configuration', (body) => ({
      ...body,
      code_challenge_methods_supported: ['plain'],
      userinfo_endpoint: undefined,
      scopes_supported: ['openid'],
    }));
    box.provider.tamper.set('/jwks', () => ({ keys: [{ kty: 'oct', k: 'x' }] }));
    const { text } = await admin.post(`${ROOT}/test`, valid({ scope: 'openid offline_access' }));
    box.provider.tamper.clear();
    for (const sentence of ['but not with S256', 'no key that signatures', 'no userinfo endpoint', 'access_type=offline']) expect(text).toContain(sentence);
  });

  it('send a secret nowhere but where it was entered for', async () => {
    const elsewhere = await box.addProvider('elsewhere', { enabled: false });
    for (const change of [{ discovery_document_uri: elsewhere.issuer }, { client_id: 'another' }]) {
      const answer = await box.api.call('PATCH', '/oidc-providers/google', change);
      expect([answer.status, answer.body.errors]).toEqual([422, { client_secret: ['must be entered again when the address or the client changes'] }]);
    }
    const tested = await admin.post(`${ROOT}/test`, { ...valid({ clientSecret: '', discoveryDocumentUri: elsewhere.issuer }), provider: 'google' });
    expect(tested.text).toContain('must be entered again');
    expect(elsewhere.asked).toEqual([]);
    const same = await admin.post(`${ROOT}/test`, { ...valid({ clientSecret: '' }), provider: 'google' });
    expect(same.text).toContain('It accepts the client id and secret');
    box.provider.people.set('alice', { ...ALICE });
    await box.signIn(box.browser());
    expect((await box.app.db.select().from(connections)).length).toBe(1);
    await box.configure({ client_id: 'another', client_secret: 'x' });
    expect(await box.app.db.select().from(connections)).toEqual([]);
    await box.configure({ client_id: CLIENT.id, client_secret: CLIENT.secret });
  });

  it('show their secret nowhere: not in answers, pages, the audit log, or the database', async () => {
    const shown = await Promise.all([ROOT, `${ROOT}/providers/google`, '/admin/audit'].map((path) => admin.get(path)));
    const { body } = await box.api.call('GET', '/oidc-providers/google');
    expect(body.has_client_secret).toBe(true);
    const audit = (await box.api.call('GET', '/audit?limit=500')).body as readonly { action: string }[];
    expect(new Set(audit.map(({ action }) => action).filter((action) => action.startsWith('oidc-')))).toEqual(
      new Set(['oidc-provider.created', 'oidc-provider.changed', 'oidc-provider.deleted']),
    );
    const file =
      readFileSync(join(box.dataDirectory, 'wiregui.db')).toString('latin1') + readFileSync(join(box.dataDirectory, 'wiregui.db-wal')).toString('latin1');
    for (const text of [...shown.map((page) => page.text), JSON.stringify(body), JSON.stringify(audit), file]) expect(text).not.toContain(CLIENT.secret);
  });

  it('are nobody’s business but administrators’', async () => {
    const user = await box.signedIn(USER);
    for (const path of [ROOT, `${ROOT}/new`, `${ROOT}/providers/google`, `${ROOT}/providers/google/delete`])
      expect((await user.get(path)).status, path).toBe(403);
    for (const path of [ROOT, `${ROOT}/new`, `${ROOT}/test`, `${ROOT}/providers/google`, `${ROOT}/providers/google/delete`])
      expect((await user.post(path, valid())).status, path).toBe(403);
    const api = await apiOf(box, USER);
    expect((await api.call('GET', '/oidc-providers')).status).toBe(403);
    expect((await api.call('POST', '/oidc-providers/test', {})).status).toBe(403);
    expect((await admin.post(`${ROOT}/providers/google/delete`, {}, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  });

  it('are what the API says, with the same words', async () => {
    const { body } = await box.api.call('GET', '/oidc-providers');
    expect(body.map(({ id }: { id: string }) => id)).toContain('google');
    expect((await box.api.call('GET', '/oidc-providers/nobody')).status).toBe(404);
    expect((await box.api.call('POST', '/oidc-providers', { id: 'x' })).status).toBe(422);
    expect((await box.api.call('PATCH', '/oidc-providers/google', { id: 'other' })).status).toBe(422);
    const { body: tested } = await box.api.call('POST', '/oidc-providers/test', {
      id: 'google',
      label: 'X',
      discovery_document_uri: box.provider.issuer,
      client_id: CLIENT.id,
      may_reach_this_box: true,
    });
    expect(tested.findings.map(({ kind }: { kind: string }) => kind)).not.toContain('bad');
    expect((await box.api.call('DELETE', '/oidc-providers/elsewhere')).status).toBe(204);
  });

  it('name who loses a way in when one is deleted', async () => {
    expect((await admin.get(`${ROOT}/providers/google/delete`)).text).toContain('1 person who is connected loses this way in');
  });
});

describe('the providers in WG_IDP_CONFIG_FILE', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wiregui-idp-'));
  const file = join(folder, 'providers.yaml');
  let copies = 0;
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const start = (yaml: string, dataDirectory = join(folder, `data-${copies++}`)) => {
    writeFileSync(file, yaml);
    return createTestApp({ env: { WG_IDP_CONFIG_FILE: file }, dataDirectory });
  };
  /** The data as they are now; a box takes its own with it. */
  const copyOf = ({ dataDirectory }: TestApp) => {
    const copy = join(folder, `data-${copies++}`);
    cpSync(dataDirectory, copy, { recursive: true });
    return copy;
  };
  const ENTRY = `oidc:
  - id: company
    label: Company
    discovery_document_uri: https://id.example.com
    client_id: wiregui
    client_secret: from the file
    allowed_domains: [example.com]
`;

  it('are there at the start, are told from others, and changed in the file alone', async () => {
    let data: string;
    {
      await using box = await start(ENTRY);
      const admin = await box.signedIn();
      expect((await box.browser().get('/login')).text).toContain('Company');
      expect((await admin.get('/admin/settings/oidc')).text).toContain('from the file');
      const page = await admin.get('/admin/settings/oidc/providers/company');
      expect(page.text).toContain('WG_IDP_CONFIG_FILE');
      expect(page.text).not.toContain('type="submit">Save');
      const given = { label: 'Mine', discoveryDocumentUri: 'https://id.example.com', clientId: 'wiregui', scope: 'openid' };
      expect((await admin.post('/admin/settings/oidc/providers/company', given)).status).toBe(409);
      expect((await admin.post('/admin/settings/oidc/providers/company/delete')).status).toBe(409);
      data = copyOf(box);
    }
    {
      await using box = await start(ENTRY.replace('Company', 'Renamed'), data);
      expect((await box.browser().get('/login')).text).toContain('Renamed');
      const api = await apiOf(box);
      const changes = (await api.call('GET', '/audit?q=oidc-provider')).body as readonly { action: string; changes: object }[];
      expect(changes.map(({ action }) => action)).toEqual(['oidc-provider.changed', 'oidc-provider.created']);
      expect(changes[0]?.changes).toEqual({ label: ['Company', 'Renamed'] });
      expect(JSON.stringify(changes)).not.toContain('from the file');
      data = copyOf(box);
    }
    {
      await using box = await start('saml: []\n', data);
      const api = await apiOf(box);
      expect((await api.call('GET', '/oidc-providers/company')).body.from_file).toBe(false);
      expect((await api.call('DELETE', '/oidc-providers/company')).status).toBe(204);
    }
  });

  it.each([
    ['a field that is wrong', ENTRY.replace('https://id.example.com', 'id.example.com'), 'oidc provider “company”, discovery_document_uri: must be an address'],
    ['a field that is missing', ENTRY.replace('    client_id: wiregui\n', ''), 'oidc provider “company”, client_id: is required'],
    ['a field that is unknown', `${ENTRY}    colour: red\n`, 'oidc provider “company”, colour: is not a known field'],
    ['a name that is taken', ENTRY.replace('id: company', 'id: local'), 'oidc provider “local”, id: is the name of another way to sign in'],
    ['no mapping', 'oidc: [company]\n', 'oidc provider 1: must be a mapping'],
    ['no list', 'oidc: company\n', 'oidc must be a list'],
    ['one twice', ENTRY + ENTRY.replace('oidc:\n', ''), '“company” is there twice'],
  ])('keep the plugin from starting, and say why, when there is %s', async (_, yaml, why) => {
    await using box = await start(yaml);
    const admin = await box.signedIn();
    const plugin = box.app.host.statuses().find(({ plugin: { manifest } }) => manifest.id === 'oidc');
    expect(plugin?.state).toEqual({ kind: 'failed', why: expect.stringContaining(why) });
    expect((await admin.get('/admin/plugins')).status).toBe(200);
  });
});
