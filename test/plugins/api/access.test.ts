import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Operation, operationSlot } from '../../../core/plugin/contract.ts';
import { apiOf, apiWith, type TestApi } from '../../support/api.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';

const named = (name: string) => ({ email: `${name}@example.com`, password: `the password of ${name}` });
const OWN = ['devices.own', 'account.own'];

describe('each operation of the API', () => {
  let box: TestApp;
  let operations: readonly Operation[];
  const as: Record<'admin' | 'owner' | 'stranger' | 'disabled' | 'expired' | 'nobody', TestApi> = {} as never;
  let device: string;

  beforeAll(async () => {
    box = await createTestApp();
    as.admin = await apiOf(box);
    for (const name of ['owner', 'stranger', 'disabled', 'expired'] as const) {
      await as.admin.call('POST', '/users', named(name));
      as[name] = await apiOf(box, named(name), name === 'expired' ? '1' : '30');
    }
    as.nobody = apiWith(box, '');
    box.clock.advance(86_400_001);
    const [{ id }] = (await as.admin.call('GET', '/users?q=disabled')).body;
    await as.admin.call('POST', `/users/${id}/disable`);
    device = (await as.owner.call('POST', '/devices', { name: 'Phone' })).body.id;
    operations = box.app.host.all(operationSlot);
  });
  afterAll(() => box[Symbol.asyncDispose]());

  /** The status alone; an answer that never ends is not waited for. */
  async function statusOf(who: keyof typeof as, { method, path, body }: Operation): Promise<number> {
    const init = {
      method,
      headers: { authorization: `Bearer ${as[who].token}`, 'content-type': 'application/json' },
      ...(body ? { body: '{"nonsense":1}' } : {}),
    };
    const response = await fetch(`${box.url}/api/v0${path.replace(':id', device)}`, init);
    await response.body?.cancel();
    return response.status;
  }

  it('needs a token that is alive', async () => {
    for (const operation of operations)
      for (const who of ['nobody', 'disabled', 'expired'] as const)
        expect([operation.id, who, await statusOf(who, operation)]).toEqual([operation.id, who, 401]);
  });

  it('is refused to users unless it is about what is theirs', async () => {
    for (const operation of operations.filter(({ permission }) => !OWN.includes(permission)))
      for (const who of ['owner', 'stranger'] as const) expect([operation.id, who, await statusOf(who, operation)]).toEqual([operation.id, who, 403]);
  });

  it('knows nothing of another user’s device', async () => {
    const ofOneDevice = operations.filter(({ permission, path }) => permission === 'devices.own' && path.includes(':id'));
    expect(ofOneDevice.length).toBeGreaterThan(8);
    for (const { id, method, path, body } of ofOneDevice) {
      const valid = body ? (path.includes('config') ? { private_key: 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=' } : {}) : undefined;
      expect([id, (await as.stranger.call(method, `/devices/${device}${path.replace('/devices/:id', '')}`, valid)).status]).toEqual([id, 404]);
    }
    expect((await as.stranger.call('GET', `/devices?user_id=${(await as.owner.call('GET', '/account')).body.id}`)).body).toEqual([]);
  });

  it('is open to its owner', async () => {
    for (const operation of operations.filter(({ permission, method }) => OWN.includes(permission) && method !== 'DELETE'))
      expect([operation.id, [401, 403].includes(await statusOf('owner', operation))]).toEqual([operation.id, false]);
  });

  it('is open to administrators', async () => {
    for (const operation of operations.filter(({ id }) => !/^(disable|enable)-plugin$|^clear-/.test(id)))
      expect([operation.id, [401, 403].includes(await statusOf('admin', operation))]).toEqual([operation.id, false]);
  });
});
