import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identities } from '../../../core/accounts/tables.ts';
import { type Operation, operationSlot } from '../../../core/plugin/contract.ts';
import { plugins } from '../../../plugins/index.ts';
import { apiOf, apiWith, type TestApi } from '../../support/api.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';
import { fakeSecondFactor } from '../../support/second-factor.ts';

const named = (name: string) => ({ email: `${name}@example.com`, password: `the password of ${name}` });
/** What users may do, with what is theirs. */
const OWN = ['devices.own', 'account.own'];
const KEY = 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=';

type Who = 'admin' | 'owner' | 'stranger' | 'disabled' | 'expired' | 'revoked' | 'nobody';

// Every walk goes over the operations as they are: a new one is walked without anybody's thinking of it.
describe('each operation of the API', () => {
  const factor = fakeSecondFactor();
  let box: TestApp;
  let operations: readonly Operation[];
  const as: Record<Who, TestApi> = {} as never;
  /** What the owner has, below each path of their own. */
  let owned: Readonly<Record<string, string>>;

  beforeAll(async () => {
    box = await createTestApp({ plugins: [...plugins, factor.plugin] });
    as.admin = await apiOf(box);
    for (const name of ['owner', 'stranger', 'disabled', 'expired', 'revoked'] as const) {
      await as.admin.call('POST', '/users', named(name));
      as[name] = await apiOf(box, named(name), name === 'expired' ? '1' : '30');
    }
    as.nobody = apiWith(box, '');
    const [{ id }] = (await as.revoked.call('GET', '/account/tokens')).body;
    await as.revoked.call('DELETE', `/account/tokens/${id}`);
    box.clock.advance(86_400_001);
    await as.admin.call('POST', `/users/${await idOf('disabled')}/disable`);
    owned = await everythingOfTheOwner();
    operations = box.app.host.all(operationSlot);
  });
  afterAll(() => box[Symbol.asyncDispose]());

  const idOf = async (name: string): Promise<string> => (await as.admin.call('GET', `/users?q=${name}@`)).body[0].id;
  const isOwn = ({ permission }: Operation) => OWN.includes(permission);

  async function everythingOfTheOwner() {
    const userId = await idOf('owner');
    const values = { userId: userId as never, provider: 'oidc:test', issuer: 'x', subject: 'owner', createdAt: new Date(0), updatedAt: new Date(0) };
    await box.app.db.transaction(async (tx) => void (await tx.insert(identities).values(values)));
    const first = async (path: string) => (await as.owner.call('GET', path)).body[0].id;
    return {
      '/devices/:id': `/devices/${(await as.owner.call('POST', '/devices', { name: 'Phone' })).body.id}`,
      '/account/tokens/:id': `/account/tokens/${await first('/account/tokens')}`,
      '/account/sessions/:id': `/account/sessions/${await first('/account/sessions')}`,
      '/account/identities/:id': `/account/identities/${await first('/account/identities')}`,
      '/account/factors/:factor/:id': `/account/factors/fake/${factor.give(userId, 'Key')}`,
    };
  }

  /** The owner's thing, where there is one below such a path; else some id. */
  function pathOf({ path }: Operation): string {
    const own = Object.entries(owned).find(([pattern]) => path === pattern || path.startsWith(`${pattern}/`));
    return (own ? path.replace(own[0], own[1]) : path).replace(/:\w+/g, '00000000-0000-4000-8000-000000000000');
  }

  /** The status alone; an answer that never ends is not waited for. */
  async function statusOf(who: Who, operation: Operation, body = operation.body ? '{"nonsense":1}' : undefined): Promise<number> {
    const { token } = as[who];
    const response = await fetch(`${box.url}/api/v0${pathOf(operation)}`, {
      method: operation.method,
      headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body }),
    });
    await response.body?.cancel();
    return response.status;
  }

  it('needs a token that is alive', async () => {
    expect(operations.length).toBeGreaterThan(50);
    for (const operation of operations)
      for (const who of ['nobody', 'disabled', 'expired', 'revoked'] as const)
        expect([operation.id, who, await statusOf(who, operation)]).toEqual([operation.id, who, 401]);
  });

  it('is refused to users unless it is about what is theirs', async () => {
    for (const operation of operations.filter((one) => !isOwn(one)))
      for (const who of ['owner', 'stranger'] as const) expect([operation.id, who, await statusOf(who, operation)]).toEqual([operation.id, who, 403]);
  });

  it('knows nothing of what is another user’s, whatever stands in its path', async () => {
    const aboutOne = operations.filter((one) => isOwn(one) && one.path.includes(':'));
    expect(aboutOne.length).toBeGreaterThan(12);
    for (const operation of aboutOne) {
      // Of a new kind of thing the owner needs one, above.
      expect(
        Object.keys(owned).some((pattern) => operation.path.startsWith(pattern)),
        operation.path,
      ).toBe(true);
      const good = operation.path.includes('/config.') ? `{"private_key":"${KEY}"}` : '{}';
      expect([operation.id, await statusOf('stranger', operation, operation.body ? good : undefined)]).toEqual([operation.id, 404]);
    }
    const { id } = (await as.owner.call('GET', '/account')).body;
    expect((await as.stranger.call('GET', `/devices?user_id=${id}`)).body).toEqual([]);
    expect((await as.stranger.call('POST', '/devices', { name: 'Theirs', user_id: id })).status).toBe(403);
  });

  it('keeps below one user’s path what is another’s, for administrators too', async () => {
    const stranger = await idOf('stranger');
    for (const [kind, path] of Object.entries(owned).filter(([pattern]) => /tokens|sessions|identities/.test(pattern))) {
      const name = path.split('/').at(-2);
      expect([kind, (await as.admin.call('DELETE', `/users/${stranger}/${name}/${path.split('/').at(-1)}`)).status]).toEqual([kind, 404]);
      expect([kind, (await as.admin.call('DELETE', path)).status]).toEqual([kind, 404]);
    }
  });

  it('is open to its owner', async () => {
    for (const operation of operations.filter(isOwn).toSorted(deletionsLast)) {
      const status = await statusOf('owner', operation, operation.path.includes('/config.') ? `{"private_key":"${KEY}"}` : undefined);
      expect([operation.id, [401, 403, 404].includes(status)]).toEqual([operation.id, false]);
    }
  });

  it('is open to administrators', async () => {
    // Nothing is there behind the ids, and “nonsense” keeps the others from doing anything.
    for (const operation of operations.filter(({ id }) => !/^(end-sessions|clear-)/.test(id)))
      expect([operation.id, [401, 403].includes(await statusOf('admin', operation))]).toEqual([operation.id, false]);
  });
});

/** A deletion of one's own token would be the end of the walk. */
function deletionsLast(one: Operation, other: Operation): number {
  const rank = ({ id, method }: Operation) => (id === 'revoke-token' ? 2 : method === 'DELETE' ? 1 : 0);
  return rank(one) - rank(other);
}
