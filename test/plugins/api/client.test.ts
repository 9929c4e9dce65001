import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { OpenAPIClientAxios } from 'openapi-client-axios';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identities } from '../../../core/accounts/tables.ts';
import { plugins } from '../../../plugins/index.ts';
import { apiOf } from '../../support/api.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';
import { createIdp } from '../../support/saml-idp.ts';
import { fakeSecondFactor } from '../../support/second-factor.ts';

const KEY = 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=';
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJggg==';
const USER = { email: 'client@example.com', password: 'the password of a user' };

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: a test says itself what it expects of the answer.
  readonly data: any;
}
type Generated = Record<string, (parameters?: unknown, body?: unknown, config?: object) => Promise<Answer>>;

describe('a client generated from the OpenAPI document drives', () => {
  const driven = new Set<string>();
  const factor = fakeSecondFactor();
  let box: TestApp;
  let offered: ReadonlyMap<string, { readonly tag: string; readonly method: string; readonly path: string }>;
  let asAdmin: (id: string, parameters?: unknown, body?: unknown, config?: object) => Promise<Answer>;
  let asUser: typeof asAdmin;
  let userId: string;

  beforeAll(async () => {
    box = await createTestApp({ plugins: [...plugins, factor.plugin] });
    const definition = await (await fetch(`${box.url}/api/v0/openapi.json`)).json();
    const clientFor = async (token: string) => {
      const axiosConfigDefaults = { baseURL: `${box.url}/api/v0`, headers: { authorization: `Bearer ${token}` } };
      const client = (await new OpenAPIClientAxios({ definition, axiosConfigDefaults }).init()) as unknown as Generated;
      return async (id: string, parameters?: unknown, body?: unknown, config?: object) => {
        driven.add(id);
        const operation = client[id];
        if (operation === undefined) throw new Error(`the client has no ${id}`);
        return operation(parameters, body, config);
      };
    };
    asAdmin = await clientFor((await apiOf(box)).token);
    userId = (await asAdmin('create-user', null, USER)).data.id;
    asUser = await clientFor((await apiOf(box, USER)).token);
    const methods = Object.entries(definition.paths as Record<string, Record<string, { operationId: string; tags: string[] }>>);
    offered = new Map(
      methods.flatMap(([path, byMethod]) =>
        Object.entries(byMethod).map(([method, { operationId, tags }]) => [operationId, { tag: tags[0] ?? '', method, path }] as const),
      ),
    );
  });
  afterAll(() => box[Symbol.asyncDispose]());

  const statusOf = (work: Promise<Answer>) =>
    work.then(
      ({ status }) => status,
      (error: { response?: Answer }) => error.response?.status,
    );

  it('users', async () => {
    const { data: made } = await asAdmin('create-user', null, { email: 'made@example.com' });
    expect((await asAdmin('list-users', { q: 'made', sort: '-email' })).data).toEqual([made]);
    const { data: got, headers } = await asAdmin('get-user', { id: made.id });
    expect(got).toEqual(made);
    expect((await asAdmin('update-user', { id: made.id, 'If-Match': headers['etag'] }, { role: 'admin' })).data.role).toBe('admin');
    expect(await statusOf(asAdmin('update-user', { id: made.id, 'If-Match': headers['etag'] }, { role: 'unprivileged' }))).toBe(412);
    expect((await asAdmin('disable-user', { id: made.id })).data.disabled_at).not.toBeNull();
    expect((await asAdmin('enable-user', { id: made.id })).data.disabled_at).toBeNull();
    expect((await asAdmin('end-vpn-session', { id: made.id })).data.vpn_session_ended_at).not.toBeNull();
    expect((await asAdmin('delete-user', { id: made.id })).status).toBe(204);
    expect(await statusOf(asAdmin('get-user', { id: made.id }))).toBe(404);
  });

  it('devices', async () => {
    const { data: made } = await asUser('create-device', null, { name: 'By a client', public_key: KEY });
    expect(made.configuration).toContain('{{private-key}}');
    expect((await asUser('list-devices', { q: 'client' })).data).toHaveLength(1);
    expect((await asUser('get-device', { id: made.id })).data.public_key).toBe(KEY);
    expect((await asUser('update-device', { id: made.id }, { description: 'changed' })).data.description).toBe('changed');
    expect((await asUser('pause-device', { id: made.id })).data.status).toBe('disabled');
    expect((await asUser('resume-device', { id: made.id })).data.status).toBe('entitled');
    expect((await asUser('rotate-device-key', { id: made.id }, {})).data.configuration).toContain('PrivateKey = ');
    expect((await asUser('get-device-config', { id: made.id })).data).toContain('[Interface]');
    expect((await asUser('draw-device-config', { id: made.id }, { private_key: KEY })).data).toContain('<svg');
    const png = await asUser('draw-device-config-png', { id: made.id }, { private_key: KEY }, { responseType: 'arraybuffer' });
    expect(Buffer.from(png.data).subarray(1, 4).toString()).toBe('PNG');
    expect((await asUser('delete-device', { id: made.id })).status).toBe(204);
    expect(await statusOf(asUser('get-device', { id: made.id }))).toBe(404);
  });

  it('one’s own account and tokens', async () => {
    expect((await asUser('get-account')).data.email).toBe(USER.email);
    expect((await asUser('update-account', null, { theme: 'dark' })).data.theme).toBe('dark');
    const { data: made } = await asUser('create-token', null, { name: 'second' });
    expect((await asUser('list-tokens')).data.map(({ name }: { name: string }) => name)).toContain('second');
    expect((await asUser('revoke-token', { id: made.id })).status).toBe(204);
    const { data: third } = await asUser('create-token', null, { name: 'third' });
    expect((await asAdmin('list-user-tokens', { id: userId, q: 'third' })).data).toMatchObject([{ id: third.id, name: 'third' }]);
    expect((await asAdmin('revoke-user-token', { id: userId, token: third.id })).status).toBe(204);
    expect((await asUser('change-password', null, { current_password: USER.password, new_password: 'another password' })).status).toBe(204);
    await asUser('change-password', null, { current_password: 'another password', new_password: USER.password });
  });

  it('sessions', async () => {
    await box.signedIn(USER);
    const { data: own } = await asUser('list-sessions');
    expect(own[0]).toMatchObject({ method: 'local', second_factor_at: null });
    expect((await asUser('end-session', { id: own[0].id })).status).toBe(204);
    await box.signedIn(USER);
    expect((await asUser('end-sessions')).status).toBe(204);
    expect((await asUser('list-sessions')).data).toEqual([]);
    const browser = await box.signedIn(USER);
    const [theirs] = (await asAdmin('list-user-sessions', { id: userId })).data;
    expect((await asAdmin('end-user-session', { id: userId, session: theirs.id })).status).toBe(204);
    expect((await browser.get('/account')).location).toBe('/login?return_to=%2Faccount');
  });

  it('identities', async () => {
    const link = async (subject: string) =>
      box.app.db.transaction(async (tx) => {
        const values = {
          userId: userId as never,
          provider: 'oidc:test',
          issuer: 'https://id.example',
          subject,
          createdAt: new Date(0),
          updatedAt: new Date(0),
        };
        await tx.insert(identities).values(values);
      });
    await link('a');
    const [own] = (await asUser('list-identities')).data;
    expect(own).toMatchObject({ provider: 'oidc:test', issuer: 'https://id.example', subject: 'a' });
    expect((await asUser('unlink-identity', { id: own.id })).status).toBe(204);
    await link('b');
    const [theirs] = (await asAdmin('list-user-identities', { id: userId })).data;
    expect((await asAdmin('unlink-user-identity', { id: userId, identity: theirs.id })).status).toBe(204);
    expect((await asUser('list-identities')).data).toEqual([]);
  });

  it('second factors and recovery codes', async () => {
    const id = factor.give(userId, 'Phone');
    expect((await asUser('list-factors')).data).toMatchObject([{ factor: 'fake', id, name: 'Phone', last_used_at: null }]);
    const { data } = await asUser('renew-recovery-codes');
    expect(data.codes).toHaveLength(10);
    expect((await asUser('count-recovery-codes')).data).toEqual({ left: 10 });
    expect((await asUser('remove-factor', { factor: 'fake', id })).status).toBe(204);
    factor.give(userId, 'Key');
    expect((await asAdmin('list-user-factors', { id: userId })).data).toMatchObject([{ name: 'Key' }]);
    expect((await asAdmin('reset-user-factors', { id: userId })).status).toBe(204);
    expect([(await asUser('list-factors')).data, (await asUser('count-recovery-codes')).data]).toEqual([[], { left: 0 }]);
  });

  it('rules, the simulator and assertions', async () => {
    const rule = { action: 'drop', destination: '10.0.0.0/8', user_id: userId };
    const { data: made } = await asAdmin('create-rule', null, rule);
    const { data: other } = await asAdmin('create-rule', null, { ...rule, action: 'accept' });
    expect((await asAdmin('list-rules', { user_id: userId })).data).toHaveLength(2);
    expect((await asAdmin('get-rule', { id: made.id })).data).toMatchObject(rule);
    expect((await asAdmin('update-rule', { id: made.id }, { comment: 'changed' })).data.comment).toBe('changed');
    await asAdmin('move-rule', { id: other.id }, { before: null });
    const question = { destination: '10.0.0.1', protocol: 'icmp', user_id: userId };
    expect((await asAdmin('simulate', null, question)).data).toMatchObject({ verdict: 'drop', rule_id: made.id });
    const { data: assertion } = await asAdmin('create-assertion', null, { expectation: 'not-reach', destination: '10.0.0.0/8', user_id: userId });
    expect((await asAdmin('list-assertions')).data).toMatchObject([{ id: assertion.id, holds: true }]);
    expect((await asAdmin('delete-assertion', { id: assertion.id })).status).toBe(204);
    for (const { id } of [made, other]) expect((await asAdmin('delete-rule', { id })).status).toBe(204);
  });

  it('several of them at once', async () => {
    const { id: user } = (await asAdmin('create-user', null, { email: 'several@example.com' })).data;
    const { id: device } = (await asAdmin('create-device', null, { name: 'Several', user_id: user })).data;
    const { id: rule } = (await asAdmin('create-rule', null, { action: 'drop', user_id: user })).data;
    expect((await asAdmin('act-on-devices', null, { act: 'pause', ids: [device] })).status).toBe(204);
    expect((await asAdmin('get-device', { id: device })).data.status).toBe('disabled');
    expect((await asAdmin('act-on-rules', null, { act: 'delete', ids: [rule] })).status).toBe(204);
    expect((await asAdmin('act-on-users', null, { act: 'delete', ids: [user] })).status).toBe(204);
    expect(await statusOf(asAdmin('get-user', { id: user }))).toBe(404);
  });

  it('configuration, every section of it', async () => {
    const sections = [...offered.keys()].flatMap((id) => /^get-(.+)-settings$/.exec(id)?.[1] ?? []);
    expect(sections).toEqual(expect.arrayContaining(['client', 'network', 'security', 'firewall', 'api']));
    for (const section of sections) {
      const { data, headers } = await asAdmin(`get-${section}-settings`);
      const [field, value] = Object.entries(data)[0] ?? ['', null];
      const changed = await asAdmin(`update-${section}-settings`, { 'If-Match': headers['etag'] }, { [field]: value });
      expect(changed.data, section).toEqual(data);
    }
    expect((await asAdmin('put-logo', null, { content: PNG })).status).toBe(204);
    expect((await asAdmin('remove-logo')).status).toBe(204);
    expect(await statusOf(asAdmin('send-test-mail', null, { to: 'nobody@example.com' }))).toBeLessThan(504);
  });

  it('the box: notifications, audit, diagnostics, plugins, changes, backup, events', async () => {
    box.app.events.emit('attention.needed', { severity: 'warning', about: 'test', message: 'Look.' });
    await box.app.db.transaction(async () => {});
    const [notification] = (await asAdmin('list-notifications')).data;
    expect(notification).toMatchObject({ severity: 'warning', message: 'Look.' });
    expect((await asAdmin('read-notification', { id: notification.id })).data.read_at).not.toBeNull();
    expect((await asAdmin('read-notifications')).status).toBe(204);
    expect((await asAdmin('clear-notification', { id: notification.id })).status).toBe(204);
    expect((await asAdmin('clear-notifications')).status).toBe(204);
    expect((await asAdmin('list-audit', { limit: 1 })).data).toHaveLength(1);
    expect((await asAdmin('get-diagnostics')).data.state).toBe('off');
    expect((await asAdmin('list-plugins')).data.length).toBeGreaterThan(2);
    expect((await asAdmin('disable-plugin', { id: 'fake' })).data.state).toBe('off');
    expect((await asAdmin('enable-plugin', { id: 'fake' })).data.state).toBe('running');
    await changesToConfirm();
    expect((await asAdmin('get-backup', null, null, { responseType: 'arraybuffer' })).data.byteLength).toBeGreaterThan(1_000);
    const events = await asAdmin('stream-events', null, null, { responseType: 'stream' });
    expect(events.headers['content-type']).toContain('text/event-stream');
    (events.data as Readable).destroy();
  });

  /** Somebody at a browser moves the port, and the API says yes, and no. */
  async function changesToConfirm(): Promise<void> {
    const browser = await box.signedIn();
    const network = { listenPort: '51999', mtu: '1420', ipv4Network: '10.3.2.0/24', ipv6Network: 'fd00::3:2:0/120' };
    for (const verb of ['confirm', 'undo'] as const) {
      await browser.post('/admin/settings/network', { ...network, listenPort: verb === 'confirm' ? '51999' : '51998' });
      const [{ id }] = (await asAdmin('list-changes')).data;
      expect((await asAdmin(`${verb}-change`, { id })).status).toBe(204);
    }
    expect((await asAdmin('list-changes')).data).toEqual([]);
    expect((await asAdmin('get-network-settings')).data.listen_port).toBe(51_999);
  }

  it('backups to a folder, and what was brought to be restored', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wiregui-backups-'));
    await asAdmin('update-backup-settings', null, { place: 'folder', folder });
    expect((await asAdmin('test-backup-place')).status).toBe(204);
    const { data: run } = await asAdmin('run-backup');
    expect((await asAdmin('list-backups')).data.map(({ id }: { id: string }) => id)).toContain(run.id);
    const archive = await asAdmin('make-backup', null, { passphrase: 'long enough for this' }, { responseType: 'arraybuffer' });
    expect(Buffer.from(archive.data).toString('latin1', 0, 21)).toBe('age-encryption.org/v1');
    const form = new FormData();
    form.set('passphrase', 'long enough for this');
    form.set('archive', new Blob([archive.data]), 'backup.age');
    const { status, data: staged } = await asAdmin('stage-backup', null, form);
    expect([status, staged]).toEqual([201, expect.objectContaining({ is_encrypted: true, users: expect.any(Number) })]);
    expect((await asAdmin('get-staged-backup', { id: staged.id })).data).toEqual(staged);
    expect((await asAdmin('discard-staged-backup', { id: staged.id })).status).toBe(204);
    for (const verb of ['get', 'restore', 'discard']) expect(await statusOf(asAdmin(`${verb}-staged-backup`, { id: randomUUID() })), verb).toBeLessThan(500);
    rmSync(folder, { recursive: true, force: true });
  });

  it('identity providers of both kinds', async () => {
    const given = { label: 'Example', auto_create_users: true };
    const oidc = { ...given, id: 'company', discovery_document_uri: 'https://id.example.com', client_id: 'wiregui', client_secret: 'of theirs' };
    const saml = { ...given, id: 'company', metadata: (await createIdp('https://idp.example')).metadata() };
    for (const [kind, body] of [['oidc', oidc] as const, ['saml', saml] as const]) {
      expect((await asAdmin(`create-${kind}-provider`, null, body)).status, kind).toBe(201);
      expect(
        (await asAdmin(`list-${kind}-providers`)).data.map(({ id }: { id: string }) => id),
        kind,
      ).toEqual(['company']);
      expect((await asAdmin(`update-${kind}-provider`, { id: 'company' }, { label: 'Changed' })).data.label, kind).toBe('Changed');
      const { data } = await asAdmin(`get-${kind}-provider`, { id: 'company' });
      expect(JSON.stringify(data), kind).not.toContain('of theirs');
      // The metadata was pasted: there is no address to fetch it from.
      if (kind === 'saml') expect(await statusOf(asAdmin('fetch-saml-metadata', { id: 'company' }))).toBeLessThan(500);
      expect((await asAdmin(`delete-${kind}-provider`, { id: 'company' })).status, kind).toBe(204);
    }
    // An address of the box itself, which is not asked.
    expect(await statusOf(asAdmin('test-oidc-provider', null, { ...oidc, discovery_document_uri: 'https://localhost:9' }))).toBeLessThan(504);
    for (const id of ['renew-saml-key', 'finish-saml-key-renewal']) expect((await asAdmin(id)).status, id).toBeLessThan(300);
    const { data: key } = await asAdmin('get-saml-key');
    expect(key).toMatchObject({ certificates: [expect.anything()], is_renewing: false });
    expect(JSON.stringify(key)).not.toContain('PRIVATE');
  });

  it('connectivity checks and the token for metrics', async () => {
    await asAdmin('update-connectivity-settings', null, { url: `${box.url}/api/health`, may_reach_this_box: true });
    const { data: check } = await asAdmin('check-connectivity');
    expect(check).toMatchObject({ status: 200, url: `${box.url}/api/health` });
    expect((await asAdmin('list-connectivity-checks')).data.map(({ id }: { id: string }) => id)).toContain(check.id);
    expect((await asAdmin('get-connectivity-check', { id: check.id })).data.id).toBe(check.id);
    expect((await asAdmin('create-metrics-token')).data.token).toMatch(/.{20}/);
    expect((await asAdmin('delete-metrics-token')).status).toBe(204);
  });

  it('and all lists of whatever else plugins contribute; nothing of what is named above is left out', async () => {
    const tags = new Set([...driven].map((id) => offered.get(id)?.tag));
    const left = [...offered].filter(([id]) => !driven.has(id));
    expect(left.filter(([, { tag }]) => tags.has(tag)).map(([id]) => id)).toEqual([]);
    for (const [id, { method, path }] of left) if (method === 'get' && !path.includes('{')) expect(await statusOf(asAdmin(id)), id).toBeLessThan(500);
  });
});
