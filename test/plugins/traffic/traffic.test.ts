import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiOf, type TestApi } from '../../support/api.ts';
import type { TestBrowser } from '../../support/app.ts';
import { createPeers, type TestPeers } from '../../support/peers.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;

describe('traffic', () => {
  let peers: TestPeers;
  let api: TestApi;

  beforeEach(async () => {
    peers = await createPeers();
    api = await apiOf(peers.box);
  });
  afterEach(() => peers[Symbol.asyncDispose]());

  async function makeDevice(name = 'Laptop', by = api) {
    const { body } = await by.call('POST', '/devices', { name });
    return { id: body.id as string, key: body.public_key as string, userId: body.user_id as string };
  }
  const count = (key: string, rx: number, tx: number) => peers.counters.set(key, { rx, tx, at: peers.box.clock.now() });
  const history = async (query = 'range=day', by = api) => (await by.call('GET', `/traffic?${query}`)).body;
  const sums = async (query = 'range=day', by = api) => {
    const { rx_bytes, tx_bytes } = await history(query, by);
    return [rx_bytes, tx_bytes];
  };

  it('adds up what a device moves, for the device, its user and the box', async () => {
    const { id, key, userId } = await makeDevice();
    count(key, 1_000, 5_000);
    await peers.poll();
    count(key, 1_500, 9_000);
    await peers.poll();
    for (const query of [`device=${id}`, `user=${userId}`, '']) expect(await sums(query), query).toEqual([1_500, 9_000]);
    for (const range of ['hour', 'month', 'year']) expect(await sums(`device=${id}&range=${range}`), range).toEqual([1_500, 9_000]);
  });

  it('puts what is moved into the bucket of its time', async () => {
    const { id, key } = await makeDevice();
    count(key, 10, 10);
    await peers.poll();
    await peers.poll(10 * MINUTE);
    count(key, 30, 10);
    await peers.poll();
    const { buckets } = await history(`device=${id}&range=hour`);
    expect(buckets).toHaveLength(12);
    expect(buckets.filter((bucket: { rx_bytes: number }) => bucket.rx_bytes > 0)).toEqual([
      { starts_at: '2026-06-01T12:00:00.000Z', rx_bytes: 10, tx_bytes: 10 },
      { starts_at: '2026-06-01T12:10:00.000Z', rx_bytes: 20, tx_bytes: 0 },
    ]);
  });

  it('never counts below zero when a peer is removed and comes back with counters at zero', async () => {
    const { id, key } = await makeDevice();
    count(key, 1_000, 1_000);
    await peers.poll();
    await api.call('POST', `/devices/${id}/pause`);
    count(key, 0, 0);
    await peers.poll();
    await api.call('POST', `/devices/${id}/resume`);
    count(key, 50, 7_000);
    await peers.poll();
    expect(await sums(`device=${id}`)).toEqual([1_050, 8_000]);
  });

  it('takes both counters as new when one of them went back between two polls', async () => {
    const { id, key } = await makeDevice();
    count(key, 1_000, 1_000);
    await peers.poll();
    count(key, 400, 3_000);
    await peers.poll();
    expect(await sums(`device=${id}`)).toEqual([1_400, 4_000]);
  });

  it('counts a new key from zero', async () => {
    const { id, key } = await makeDevice();
    count(key, 1_000, 1_000);
    await peers.poll();
    const { body } = await api.call('POST', `/devices/${id}/key`);
    await peers.poll();
    count(body.public_key, 4_000, 2_000);
    await peers.poll();
    expect(await sums(`device=${id}`)).toEqual([5_000, 3_000]);
  });

  it('counts nothing twice and loses nothing when the service restarts in the middle', async () => {
    const { id, key } = await makeDevice();
    count(key, 1_000, 1_000);
    await peers.poll();
    count(key, 1_700, 1_200);
    await peers.restart();
    api = await apiOf(peers.box);
    await peers.poll();
    count(key, 2_000, 1_200);
    await peers.poll();
    expect(await sums(`device=${id}`)).toEqual([2_000, 1_200]);
  });

  it('counts nothing twice when the interface could not be read for a while', async () => {
    const { id, key } = await makeDevice();
    count(key, 1_000, 1_000);
    await peers.poll();
    peers.isUnreadable = true;
    await peers.poll();
    peers.isUnreadable = false;
    await peers.poll();
    await peers.poll();
    expect(await sums(`device=${id}`)).toEqual([1_000, 1_000]);
  });

  it('keeps 5 minutes for 2 days, hours for 60 days and days for 2 years, and what the box moved for devices that are gone', async () => {
    const { id, key } = await makeDevice();
    count(key, 100, 100);
    await peers.poll();
    const spans = () => peers.box.app.db.writer.prepare('SELECT span FROM traffic_devices ORDER BY span').pluck().all();
    expect(spans()).toEqual([300, 3_600, 86_400]);
    const ageTo = async (ms: number) => {
      await peers.poll(ms);
      await peers.poll(3_600_000);
    };
    await ageTo(2 * DAY);
    expect(spans()).toEqual([3_600, 86_400]);
    await ageTo(58 * DAY);
    expect(spans()).toEqual([86_400]);
    api = await apiOf(peers.box);
    expect(await sums(`device=${id}&range=year`)).toEqual([100, 100]);
    await api.call('DELETE', `/devices/${id}`);
    await peers.poll(3_600_000);
    expect(spans()).toEqual([]);
    expect(await sums('range=year')).toEqual([100, 100]);
    await ageTo(731 * DAY);
    expect(peers.box.app.db.writer.prepare('SELECT count(*) FROM traffic_box').pluck().get()).toBe(0);
  });

  it('reads the interface once a minute while nobody looks', async () => {
    const { key } = await makeDevice();
    count(key, 1, 1);
    await peers.poll();
    const polls: Date[] = [];
    peers.box.app.events.on('peers.polled', ({ at }) => void polls.push(at));
    for (let second = 0; second < 120; second += 2) await peers.poll(2_000);
    expect(polls).toHaveLength(2);
  });

  describe('of somebody else', () => {
    const BOB = { email: 'bob@example.com', password: 'a password for bob' };
    let bob: TestApi;
    let device: Awaited<ReturnType<typeof makeDevice>>;

    beforeEach(async () => {
      await api.call('POST', '/users', { email: BOB.email, password: BOB.password });
      bob = await apiOf(peers.box, BOB);
      device = await makeDevice();
      count(device.key, 1_000, 2_000);
      await peers.poll();
    });

    it('is answered to administrators alone, whatever a user asks for', async () => {
      const own = await makeDevice('Phone', bob);
      expect(await sums(`device=${device.id}`)).toEqual([1_000, 2_000]);
      for (const query of [`device=${device.id}`, `user=${device.userId}`, 'device=00000000-0000-4000-8000-000000000000'])
        expect((await bob.call('GET', `/traffic?${query}`)).status, query).toBe(404);
      for (const query of [`device=${own.id}&device=${device.id}`, `device=${own.id}&user=${device.userId}`, 'range=century', "device='"])
        expect((await bob.call('GET', `/traffic?${query}`)).status, query).toBe(422);
      expect(await sums('', bob)).toEqual([0, 0]);
      expect(await sums(`user=${own.userId}`, bob)).toEqual([0, 0]);
      expect((await fetch(`${peers.box.url}/api/v0/traffic`)).status).toBe(401);
    });

    it('is not on the pages of a user either', async () => {
      const browser = await peers.box.signedIn(BOB);
      expect((await browser.get(`/devices/${device.id}?range=day`)).status).toBe(404);
      expect((await browser.get(`/admin?range=day`)).status).toBe(403);
    });

    /** The live stream of somebody who looks at rates: all, or `=` those. */
    async function listen(browser: TestBrowser, of = ''): Promise<ReadableStreamDefaultReader<string> | undefined> {
      const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      return (await fetch(`${peers.box.url}/live?rates${of}`, { headers: { cookie } })).body?.pipeThrough(new TextDecoderStream()).getReader();
    }

    /** The second message with rates, of which the first has none. */
    async function secondOf(reader: Awaited<ReturnType<typeof listen>>): Promise<string> {
      let text = '';
      while ((text.match(/event: rates/g)?.length ?? 0) < 2) text += (await reader?.read())?.value ?? '';
      await reader?.cancel();
      return /data: (.*)\n\n$/.exec(text)?.[1] ?? '';
    }

    it('is told live to whom it concerns: administrators hear of everybody, a user of their own devices', async () => {
      const own = await makeDevice('Phone', bob);
      count(own.key, 10, 10);
      const readers = [await listen(await peers.box.signedIn()), await listen(await peers.box.signedIn(BOB))];
      await peers.poll(2_000);
      count(device.key, 1_400, 2_000);
      count(own.key, 10, 2_010);
      await peers.poll(2_000);
      expect((await Promise.all(readers.map(secondOf))).map((told) => JSON.parse(told))).toEqual([
        { total: [200, 1_000], devices: { [device.id]: [200, 0], [own.id]: [0, 1_000] } },
        { total: [0, 1_000], devices: { [own.id]: [0, 1_000] } },
      ]);
    });

    it('is no longer that of a device whose key another has now', async () => {
      const told: (readonly unknown[])[] = [];
      peers.box.app.events.on('peers.polled', ({ rates }) => void told.push([...rates].map(([id, { userId }]) => [id, userId])));
      count(device.key, 2_000, 3_000);
      await peers.poll();
      await api.call('DELETE', `/devices/${device.id}`);
      const { body } = await bob.call('POST', '/devices', { name: 'Phone', public_key: device.key });
      count(device.key, 4_000, 5_000);
      await peers.poll();
      expect(told).toEqual([[[device.id, device.userId]], [[body.id, body.user_id]]]);
    });

    it('tells of those devices alone that the page shows, and of no stranger’s', async () => {
      const own = await makeDevice('Phone', bob);
      const [admin, bobs] = [await peers.box.signedIn(), await peers.box.signedIn(BOB)];
      const readers = [await listen(admin, `=total+${own.id}`), await listen(bobs, `=total+${device.id}`), await listen(bobs, '=constructor+__proto__')];
      count(device.key, 0, 0);
      count(own.key, 0, 0);
      await peers.poll(2_000);
      count(device.key, 400, 2_000);
      count(own.key, 0, 2_000);
      await peers.poll(2_000);
      expect(await Promise.all(readers.map(secondOf))).toEqual([
        `{"total":[200,2000],"devices":{"${own.id}":[0,1000]}}`,
        '{"total":[0,1000],"devices":{}}',
        '{"total":[0,1000],"devices":{}}',
      ]);
    });

    it('ends for an administrator who is one no longer', async () => {
      const { body: carol } = await api.call('POST', '/users', { email: 'carol@example.com', password: 'a password for carol', role: 'admin' });
      const browser = await peers.box.signedIn({ email: 'carol@example.com', password: 'a password for carol' });
      const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const stream = await fetch(`${peers.box.url}/live?rates`, { headers: { cookie } });
      await api.call('PATCH', `/users/${carol.id}`, { role: 'unprivileged' });
      expect(await stream.text()).toContain('retry:');
    });
  });
});
