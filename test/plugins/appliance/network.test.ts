import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiOf } from '../../support/api.ts';
import { createTestApp, type TestApp, type TestBrowser } from '../../support/app.ts';
import { createAppliance, type FakeAppliance } from '../../support/appliance.ts';

const HERE = '/admin/system/network';
const STATIC = { layout: 'one', method: 'static', address: '192.0.2.7/24', gateway: '192.0.2.1', dns: '192.0.2.1, 2001:db8::53' };
const TWO = { layout: 'two', method: 'dhcp', wan: 'enp1s0', lan: 'enp2s0', lanAddress: '192.168.77.1/24', dhcpServer: 'on', nat: 'on' };

describe('the network of the box', () => {
  let appliance: FakeAppliance;
  let box: TestApp;
  let admin: TestBrowser;
  beforeEach(async () => {
    appliance = createAppliance();
    box = await createTestApp({ env: appliance.env });
    admin = await box.signedIn();
  });
  afterEach(async () => {
    await box[Symbol.asyncDispose]();
    appliance[Symbol.dispose]();
  });

  const asked = () => appliance.asked.map((each) => each.split('\n'));
  const refusedFor = async (form: Record<string, string>, name: string) => {
    const answer = await admin.post(HERE, form);
    expect([name, answer.status, answer.text.includes(`field-${name}-error`)]).toEqual([name, 422, true]);
    expect(appliance.asked).toEqual([]);
  };

  it('is shown with its ports and their addresses', async () => {
    const { text } = await admin.get(HERE);
    for (const shown of ['enp1s0', '192.0.2.5/24, fe80::1/64', 'no cable', 'value="dhcp" selected']) expect(text).toContain(shown);
  });

  it('is tried with an address of its own, and kept or taken back', async () => {
    expect((await admin.post(HERE, STATIC)).status).toBe(303);
    const [lines = []] = asked();
    for (const line of ['network layout=one', 'method=static', 'address=192.0.2.7/24', 'gateway=192.0.2.1', 'dns=192.0.2.1 2001:db8::53', 'nat=no', 'wan='])
      expect(lines).toContain(line);
    appliance.verbs['network-state'] = () => ['port=enp1s0 UP 192.0.2.7/24', 'secondsLeft=97', ...lines.map((line) => line.replace('network ', ''))];
    const { text } = await admin.get(HERE);
    expect([text.includes('data-seconds="97"'), text.includes('Try this')]).toEqual([true, false]);
    await admin.post(`${HERE}/confirm`);
    await admin.post(`${HERE}/undo`);
    expect(appliance.asked.slice(1)).toEqual(['network-confirm', 'network-revert']);
    const { body } = await (await apiOf(box)).call('GET', '/audit?limit=5');
    expect(body.map(({ action }: { action: string }) => action).slice(2)).toEqual([
      'system.network-undone',
      'system.network-confirmed',
      'system.network-tried',
    ]);
  });

  it('may have two ports, addresses given out on one of them, and a way to the internet', async () => {
    expect((await admin.post(HERE, TWO)).status).toBe(303);
    for (const line of ['wan=enp1s0', 'lan=enp2s0', 'lanAddress=192.168.77.1/24', 'dhcpServer=yes', 'nat=yes']) expect(asked()[0]).toContain(line);
  });

  it('says that a confirmation came too late', async () => {
    appliance.verbs['network-confirm'] = () => {
      throw new Error('nothing waits to be confirmed; it was taken back');
    };
    const answer = await admin.post(`${HERE}/confirm`);
    expect([answer.status, answer.text.includes('it was taken back')]).toEqual([409, true]);
  });

  it('never shares addresses with the tunnel, or with itself', async () => {
    await refusedFor({ ...STATIC, address: '10.3.2.9/24', gateway: '' }, 'address');
    await refusedFor({ ...STATIC, address: '10.0.0.1/8', gateway: '' }, 'address');
    await refusedFor({ ...STATIC, address6: 'fd00::3:2:5/64' }, 'address6');
    await refusedFor({ ...TWO, lanAddress: '10.3.2.130/25' }, 'lanAddress');
    await refusedFor({ ...TWO, ...STATIC, layout: 'two', lanAddress: '192.0.2.129/25' }, 'lanAddress');
  });

  it('is refused where something is missing or of another kind', async () => {
    await refusedFor({ ...STATIC, address: '' }, 'address');
    for (const address of [
      '192.0.2.7',
      '192.0.2.0/24',
      '192.0.2.255/24',
      '192.0.2.7/31',
      '192.0.2.7/33',
      '2001:db8::1/64',
      '$(id)/24',
      '1.2.3.4/24\nDNS=6.6.6.6',
    ])
      await refusedFor({ ...STATIC, address, gateway: '' }, 'address');
    await refusedFor({ ...STATIC, gateway: '198.51.100.1' }, 'gateway');
    await refusedFor({ ...STATIC, gateway: 'fe80::1' }, 'gateway');
    await refusedFor({ ...STATIC, dns: '192.0.2.1;x' }, 'dns');
    await refusedFor({ ...STATIC, gateway6: 'fe80::1' }, 'address6');
    await refusedFor({ ...TWO, lan: 'enp1s0' }, 'lan');
    await refusedFor({ ...TWO, lan: 'enp9s0' }, 'lan');
    await refusedFor({ ...TWO, wan: '../x' }, 'wan');
    await refusedFor({ ...TWO, lanAddress: '' }, 'lanAddress');
  });

  it('has the same by the API, for administrators alone', async () => {
    const api = await apiOf(box);
    const { body } = await api.call('GET', '/system/network');
    expect(body).toMatchObject({
      is_as_flashed: true,
      seconds_left: null,
      method: 'dhcp',
      ports: [
        { name: 'enp1s0', up: true },
        { name: 'enp2s0', up: false },
      ],
    });
    expect((await api.call('PUT', '/system/network', { method: 'static', address: '192.0.2.7/24' })).status).toBe(200);
    expect((await api.call('PUT', '/system/network', { method: 'static' })).body).toMatchObject({ status: 422 });
    expect((await api.call('POST', '/system/network/confirm')).status).toBe(200);
    await api.call('POST', '/users', { email: 'bob@example.com', password: 'a password for bob' });
    const bob = await apiOf(box, { email: 'bob@example.com', password: 'a password for bob' });
    expect((await bob.call('GET', '/system/network')).status).toBe(403);
    expect((await bob.call('PUT', '/system/network', { method: 'dhcp' })).status).toBe(403);
    for (const act of ['confirm', 'undo']) expect((await bob.call('POST', `/system/network/${act}`)).status).toBe(403);
  });
});
