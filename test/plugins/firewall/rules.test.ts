import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Section } from '../../../core/settings/sections.ts';
import { run } from '../../../core/system/run.ts';
import { firewall } from '../../../plugins/firewall/index.ts';
import { apiOf, type TestApi } from '../../support/api.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { until } from '../../support/wait.ts';

const ALICE = { email: 'alice@example.com', password: 'the password of alice' };
const FORM = { action: 'drop', user: '', destination: '', protocol: 'any', portRange: '', priority: '100', comment: '', enabled: 'on' };

describe('firewall rules', () => {
  let box: TestApp;
  let admin: TestBrowser;
  let api: TestApi;
  let alice: string;

  beforeAll(async () => {
    box = await createTestApp({ env: { WG_TRUSTED_PROXIES: '127.0.0.1' } });
    admin = await box.signedIn();
    await admin.post('/admin/users', { ...ALICE, role: 'unprivileged' });
    api = await apiOf(box);
    alice = (await api.call('GET', '/users?q=alice')).body[0].id;
  });
  afterAll(() => box[Symbol.asyncDispose]());
  beforeEach(async () => {
    for (const { id } of (await api.call('GET', '/assertions')).body) await api.call('DELETE', `/assertions/${id}`);
    for (const { id } of await rules()) await api.call('DELETE', `/rules/${id}`);
    await box.app.settings.update(SYSTEM, firewallSection(), { defaultPolicy: 'accept' });
  });

  const firewallSection = () => firewall.manifest.settings as Section;
  const rules = async (): Promise<{ id: string; comment: string; priority: number }[]> => (await api.call('GET', '/rules?limit=500')).body;
  const comments = async () => (await rules()).map(({ comment }) => comment);
  const create = async (body: object) => (await api.call('POST', '/rules', { action: 'drop', ...body })).body.id as string;
  const actions = async () =>
    (await admin.get('/admin/audit.csv')).text
      .split('\n')
      .slice(1)
      .map((row) => row.split(',')[4]);

  it('are made, shown, changed, switched off and on, and deleted by pages, with audit rows', async () => {
    expect(
      (await admin.post('/admin/rules', { ...FORM, user: ALICE.email, destination: '10.0.0.5', protocol: 'tcp', portRange: '443', comment: 'no shop' }))
        .location,
    ).toBe('/admin/rules');
    const id = (await rules())[0]?.id ?? '';
    const list = (await admin.get('/admin/rules')).text;
    for (const part of ['no shop', '10.0.0.5', 'TCP 443', ALICE.email]) expect(list).toContain(part);
    expect((await admin.get(`/admin/rules/${id}`)).text).toContain('value="443"');
    expect((await admin.post(`/admin/rules/${id}`, { ...FORM, action: 'accept', destination: '10.0.0.9/8', priority: '7' })).status).toBe(303);
    expect((await api.call('GET', `/rules/${id}`)).body).toMatchObject({
      action: 'accept',
      destination: '10.0.0.0/8',
      user_id: null,
      port_range: null,
      priority: 7,
    });
    await admin.post(`/admin/rules/${id}/disable`);
    expect((await api.call('GET', `/rules/${id}`)).body.enabled).toBe(false);
    await admin.post(`/admin/rules/${id}/enable`);
    expect((await api.call('GET', `/rules/${id}`)).body.enabled).toBe(true);
    expect((await admin.get(`/admin/rules/${id}/delete`)).text).toContain('Accept any to 10.0.0.0/8');
    await admin.post(`/admin/rules/${id}/delete`);
    expect(await rules()).toEqual([]);
    expect((await admin.get('/admin/rules')).text).toContain('No rules yet');
    expect((await actions()).slice(0, 5)).toEqual(['"rule.deleted"', '"rule.changed"', '"rule.changed"', '"rule.changed"', '"rule.created"']);
  });

  it.each([
    ['destination', 'not an address', 'destination'],
    ['destination', '10.0.0.0/33', 'destination'],
    ['destination', '10.0.0.1; drop', 'destination'],
    ['portRange', '0', 'portRange'],
    ['portRange', '2000-1000', 'portRange'],
    ['portRange', '65536', 'portRange'],
    ['priority', '-1', 'priority'],
    ['comment', 'two\nlines', 'comment'],
    ['user', 'nobody@example.com', 'user'],
    ['action', 'reject', 'action'],
  ])('refuse %s %j, say so beside the field and keep what was typed', async (name, value, field) => {
    const answer = await admin.post('/admin/rules', { ...FORM, protocol: 'tcp', comment: 'kept', [name]: value });
    expect(answer.status).toBe(422);
    expect(answer.text).toContain(`id="field-${field}-error"`);
    if (name !== 'comment') expect(answer.text).toContain('value="kept"');
    expect(await rules()).toEqual([]);
  });

  it('refuse ports without a protocol that has them', async () => {
    expect((await api.call('POST', '/rules', { action: 'drop', port_range: '80' })).body.errors).toEqual({
      port_range: ['ports need the protocol tcp or udp'],
    });
    const id = await create({ protocol: 'tcp', port_range: '80' });
    expect((await api.call('PATCH', `/rules/${id}`, { protocol: 'icmp' })).body.errors).toEqual({ port_range: ['ports need the protocol tcp or udp'] });
  });

  it('are put elsewhere by arrows, by dragging and by the API, among those of the same user', async () => {
    for (const comment of ['a', 'b', 'c', 'd']) await create({ comment });
    const [a, b, , d] = (await rules()).map(({ id }) => id) as [string, string, string, string];
    await admin.post(`/admin/rules/${d}/position`, { to: 'up' });
    expect(await comments()).toEqual(['a', 'b', 'd', 'c']);
    await admin.post(`/admin/rules/${a}/position`, { to: 'down' });
    expect(await comments()).toEqual(['b', 'a', 'd', 'c']);
    await admin.post(`/admin/rules/${b}/position`, { before: '' });
    expect(await comments()).toEqual(['a', 'd', 'c', 'b']);
    await api.call('POST', `/rules/${b}/position`, { before: a });
    expect(await comments()).toEqual(['b', 'a', 'd', 'c']);
    await admin.post(`/admin/rules/${b}/position`, { to: 'up' });
    expect(await comments()).toEqual(['b', 'a', 'd', 'c']);
    const hers = await create({ user_id: alice, comment: 'hers' });
    expect((await api.call('POST', `/rules/${a}/position`, { before: hers })).body.errors).toEqual({ before: ['is not a rule of the same user'] });
  });

  it('keep any order that is asked for, wherever each one is put', async () => {
    for (const comment of ['a', 'b', 'c', 'd', 'e']) await create({ comment, priority: comment === 'c' ? 101 : 100 });
    const ids = (await rules()).map(({ id }) => id);
    let order = [...ids];
    await fc.assert(
      fc.asyncProperty(fc.nat(4), fc.nat(4), async (from, to) => {
        const moved = order[from] ?? '';
        const others = order.filter((id) => id !== moved);
        order = [...others.slice(0, to), moved, ...others.slice(to)];
        await api.call('POST', `/rules/${moved}/position`, { before: others[to] ?? null });
        expect((await rules()).map(({ id }) => id)).toEqual(order);
      }),
      { numRuns: 40 },
    );
  });

  it('are found by user, by text and page by page', async () => {
    for (let number = 0; number < 55; number += 1) await create({ destination: `10.1.${number}.0/24` });
    await create({ user_id: alice, comment: 'the printer' });
    expect((await admin.get('/admin/rules')).text).toContain('1–50 of 56');
    expect((await admin.get('/admin/rules?page=2')).text).toContain('51–56 of 56');
    expect((await admin.get('/admin/rules?q=10.1.7.')).text).toContain('10.1.7.0/24');
    expect((await admin.get('/admin/rules?user=everyone')).text).not.toContain('the printer');
    expect((await api.call('GET', `/rules?user_id=${alice}`)).body.map(({ comment }: { comment: string }) => comment)).toEqual(['the printer']);
    expect((await admin.get(`/admin/rules?user=${alice}`)).text).toContain('Rules of alice@example.com');
    expect((await admin.get('/admin/rules?q=nothing-like-it')).text).toContain('No rule matches');
  });

  it('belong to administrators', async () => {
    const id = await create({ comment: 'mine' });
    const user = await box.signedIn(ALICE);
    const theirs = await apiOf(box, ALICE);
    for (const path of ['/admin/rules', '/admin/rules/new', `/admin/rules/${id}`, '/admin/rules/simulator', '/admin/rules/assertions'])
      expect((await user.get(path)).status, path).toBe(403);
    for (const path of ['/admin/rules', `/admin/rules/${id}`, `/admin/rules/${id}/delete`, `/admin/rules/${id}/position`, '/admin/rules/assertions'])
      expect((await user.post(path, FORM)).status, path).toBe(403);
    for (const [method, path] of [
      ['GET', '/rules'],
      ['POST', '/rules'],
      ['PATCH', `/rules/${id}`],
      ['DELETE', `/rules/${id}`],
      ['POST', `/rules/${id}/position`],
      ['POST', '/rules/simulation'],
      ['GET', '/assertions'],
      ['POST', '/assertions'],
    ] as const)
      expect((await theirs.call(method, path, method === 'GET' || method === 'DELETE' ? undefined : {})).status, path).toBe(403);
    expect(await comments()).toEqual(['mine']);
  });

  it('take whatever is typed into them as text or not at all', async () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom('$(reboot)', '"; flush ruleset; #', '} }', '`id`', '10.0.0.1\n10.0.0.2', '\u0000', "'; DROP TABLE users; --", 'a\\\nb'),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('destination', 'port_range', 'comment', 'protocol', 'action', 'user_id'), hostile, async (field, value) => {
        const answer = await api.call('POST', '/rules', { action: 'drop', protocol: 'tcp', [field]: value });
        expect(answer.status, JSON.stringify(answer.body)).toBeOneOf([201, 422]);
        if (field !== 'comment' && field !== 'port_range') expect(answer.status).toBe(422);
        if (answer.status === 201) await api.call('DELETE', `/rules/${answer.body.id}`);
      }),
      { numRuns: 200 },
    );
  });

  it('make a ruleset that nft accepts, whatever they are made of', async () => {
    const { buildRuleset } = await import('../../../core/net/ruleset.ts');
    const { replaceBatch } = await import('../../../core/net/nft.ts');
    for (const body of [
      {},
      { protocol: 'icmp' },
      { protocol: 'icmp', destination: '::/0' },
      { protocol: 'udp', port_range: '1-65535', destination: '0.0.0.0/0' },
      { protocol: 'tcp', port_range: '443', destination: 'fd00::5', user_id: alice },
      { action: 'accept', destination: '10.0.0.0/8', comment: '"; flush ruleset' },
    ])
      await create(body);
    await admin.post('/devices', { name: 'Laptop', userId: alice });
    const inputs = await box.app.networkStore.load(await box.app.host.fragments());
    const sources = inputs.devices.map(({ userId, ipv4 }) => ({ userId, networks: [`${ipv4}/32` as never] }));
    const batch = replaceBatch(buildRuleset(inputs, sources), null);
    expect(batch).toContain('tcp dport 443 drop');
    await run(['unshare', '-n', 'nft', '-c', '-f', '-'], { stdin: batch });
  });

  describe('that assertions guard', () => {
    const assertion = (body: object) =>
      api.call('POST', '/assertions', { expectation: 'reach', destination: '10.0.0.5', protocol: 'tcp', port_range: '443', user_id: alice, ...body });

    it('are refused when they would break one, and the answer names both', async () => {
      await assertion({});
      const refused = await api.call('POST', '/rules', { action: 'drop', destination: '10.0.0.0/8', comment: 'no LAN' });
      expect([refused.status, refused.body.detail]).toEqual([
        409,
        'alice@example.com must reach 10.0.0.5, TCP 443: broken by the rule “Drop any to 10.0.0.0/8” (no LAN).',
      ]);
      expect(await rules()).toEqual([]);
      expect((await api.call('POST', '/rules', { action: 'drop', destination: '10.0.0.0/8', protocol: 'udp' })).status).toBe(201);
    });

    it('are changed all the same when the administrator insists, by page and by API, and the audit log says so', async () => {
      await assertion({});
      const form = { ...FORM, destination: '10.0.0.0/8' };
      const asked = await admin.post('/admin/rules', form);
      expect([asked.status, asked.text.includes('broken by the rule')]).toEqual([409, true]);
      expect((await admin.post('/admin/rules', { ...form, override: 'on' })).status).toBe(303);
      expect((await admin.get('/admin/audit.csv')).text).toContain('overrides');
      expect((await admin.get('/admin/rules/assertions')).text).toContain('Broken');
      expect((await api.call('GET', '/assertions')).body[0]).toMatchObject({ holds: false, broken_by: 'the rule “Drop any to 10.0.0.0/8”' });
      // What is broken already stands in nobody's way.
      expect((await api.call('POST', '/rules', { action: 'drop', destination: '10.0.0.0/9' })).status).toBe(201);
    });

    it.each([
      ['deleting', (id: string) => admin.post(`/admin/rules/${id}/delete`)],
      ['disabling', (id: string) => admin.post(`/admin/rules/${id}/disable`)],
      ['moving', (id: string) => admin.post(`/admin/rules/${id}/position`, { before: '' })],
    ])('are asked about before %s one that holds another up', async (_, act) => {
      const allow = await create({ action: 'accept', destination: '10.0.0.5', comment: 'allow' });
      await create({ action: 'drop', comment: 'all' });
      await assertion({});
      const answer = await act(allow);
      expect(answer.status).toBe(409);
      expect(answer.text).toContain('name="override"');
      expect(await comments()).toEqual(['allow', 'all']);
    });

    it('hold for the default policy too', async () => {
      await assertion({});
      expect((await admin.post('/admin/settings/firewall', { defaultPolicy: 'drop' })).status).toBe(409);
      expect((await admin.get('/admin/settings/firewall')).text).toContain('value="accept" selected');
    });

    it('hold for everyone: for those with rules of their own and for those without', async () => {
      await create({ action: 'drop', destination: '10.0.0.0/8' });
      await api.call('POST', '/assertions', { expectation: 'not-reach', destination: '10.0.0.0/8' });
      expect((await api.call('POST', '/rules', { action: 'accept', destination: '10.0.0.0/7', user_id: alice })).status).toBe(409);
      expect((await api.call('POST', '/rules', { action: 'accept', destination: '11.0.0.0/8', user_id: alice })).status).toBe(201);
      expect((await api.call('POST', '/rules', { action: 'accept', destination: '10.9.9.9', protocol: 'udp', port_range: '53', priority: 1 })).status).toBe(
        409,
      );
      const wide = await create({ action: 'accept', destination: '11.0.0.0/8', priority: 1 });
      expect((await api.call('PATCH', `/rules/${wide}`, { destination: '10.0.0.0/6' })).status).toBe(409);
    });
  });

  describe('that cut off who makes them', () => {
    let address: string;
    const behindTunnel = () => ({ 'x-forwarded-for': address });

    beforeAll(async () => {
      address = (await api.call('POST', '/devices', { name: 'Of the admin' })).body.ipv4;
    });

    it('are taken back after a minute unless confirmed', async () => {
      expect((await admin.post('/admin/rules', FORM, behindTunnel())).status).toBe(303);
      await until('the question stands', async () => (await admin.get('/devices')).text.includes('Keep the change'));
      box.clock.advance(60_000);
      await until('the rule is gone', async () => (await rules()).length === 0);
      expect(await actions()).toContain('"change.undone"');
      await until('it is told', async () => (await admin.get('/admin/diagnostics')).text.includes('nobody confirmed it'));
      expect((await admin.get('/devices')).text).not.toContain('Keep the change');
    });

    it('stay when they are confirmed, and can be taken back at once', async () => {
      await admin.post('/admin/rules', FORM, behindTunnel());
      await until('the question stands', async () => (await admin.get('/devices')).text.includes('Keep the change'));
      await admin.post(/\/admin\/changes\/[0-9a-f-]{36}\/confirm/.exec((await admin.get('/devices')).text)?.[0] ?? '', {});
      box.clock.advance(120_000);
      await until('nothing is asked any more', async () => !(await admin.get('/devices')).text.includes('Keep the change'));
      expect(await rules()).toHaveLength(1);
      const id = (await rules())[0]?.id ?? '';
      await api.call('DELETE', `/rules/${id}`);
      await admin.post('/admin/settings/firewall', { defaultPolicy: 'drop' }, behindTunnel());
      await until('the question stands', async () => (await admin.get('/devices')).text.includes('Keep the change'));
      expect((await admin.post('/admin/rules', FORM)).status).toBe(409);
      await admin.post(/\/admin\/changes\/[0-9a-f-]{36}\/undo/.exec((await admin.get('/devices')).text)?.[0] ?? '', {});
      expect((await admin.get('/admin/settings/firewall')).text).toContain('value="accept" selected');
      expect(await rules()).toEqual([]);
    });

    it('need no confirming when they come from elsewhere, or touch somebody else', async () => {
      await admin.post('/admin/rules', FORM);
      expect((await admin.get('/devices')).text).not.toContain('Keep the change');
      for (const { id } of await rules()) await api.call('DELETE', `/rules/${id}`);
      await admin.post('/admin/rules', { ...FORM, user: ALICE.email }, behindTunnel());
      expect((await admin.get('/devices')).text).not.toContain('Keep the change');
    });
  });
});

const SYSTEM = { userId: null, name: 'test', role: 'system', via: 'job', ip: null } as const;
