import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseDump } from '../../core/net/wg.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { createNetwork, type Network } from '../support/network.ts';
import { until } from '../support/wait.ts';

// What the test itself believes of the box, kept apart from the code under test.
interface ModelUser {
  readonly id: string;
  readonly email: string;
  disabled: boolean;
  signedInAt: number | null;
  vpnEnded: boolean;
}
interface ModelDevice {
  readonly id: string;
  readonly user: ModelUser;
  publicKey: string;
  readonly addresses: readonly string[];
  subnet: string | null;
  paused: boolean;
  expiresAt: number | null;
}

const PASSWORD = 'a password long enough';
const OPERATIONS = 1_000;
const OPERATIONS_A_RUN = 50;
const MOST_USERS = 4;
const MOST_DEVICES = 10;

type Operation = readonly [name: keyof ReturnType<typeof operationsOf>, pick: number, amount: number];
const operation: fc.Arbitrary<Operation> = fc.tuple(
  fc.constantFrom<keyof ReturnType<typeof operationsOf>>(
    'createUser',
    'disable',
    'enable',
    'deleteUser',
    'signIn',
    'endVpn',
    'createDevice',
    'createDevice',
    'createDevice',
    'signIn',
    'enable',
    'resume',
    'pause',
    'resume',
    'rotate',
    'expire',
    'route',
    'deleteDevice',
    'duration',
    'advance',
  ),
  fc.nat(1_000),
  fc.nat(1_000),
);

describe('whatever happens, the kernel agrees with the database', () => {
  let network: Network;
  let box: TestApp;
  let token: string;
  const cleanUp = new AsyncDisposableStack();
  let busiest = 0;
  const model = { users: [] as ModelUser[], devices: [] as ModelDevice[], duration: 0, serial: 0 };

  beforeAll(async () => {
    network = cleanUp.use(await createNetwork());
    box = cleanUp.use(await createTestApp({ network }));
    const answer = await (await box.signedIn()).post('/account/tokens', { name: 'test', days: '365' });
    token = /wg_[A-Za-z0-9_-]{43}/.exec(answer.text)?.[0] ?? '';
  });
  afterAll(() => cleanUp.disposeAsync());

  it(`after each of ${OPERATIONS} random operations`, async () => {
    const operations = operationsOf(call, box, model);
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: OPERATIONS_A_RUN, maxLength: OPERATIONS_A_RUN }), async (run) => {
        for (const [name, pick, amount] of run) {
          await operations[name](pick, amount);
          await until(`the kernel follows ${name}`, agrees, 1_000).catch(explain);
        }
      }),
      { numRuns: OPERATIONS / OPERATIONS_A_RUN, endOnFailure: true },
    );
    // Otherwise the operations met no peers, and agreeing was easy.
    expect(busiest).toBeGreaterThan(2);
  }, 300_000);

  async function call(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const response = await fetch(`${box.url}/api/v0${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  }

  function expected(): ReadonlyMap<string, string> {
    const now = box.clock.now().getTime();
    const live = model.devices.filter(({ user, paused, expiresAt }) => {
      const inSession = model.duration === 0 || (user.signedInAt !== null && now < user.signedInAt + model.duration * 1_000);
      return !user.disabled && !user.vpnEnded && inSession && !paused && (expiresAt === null || now < expiresAt);
    });
    return new Map(live.map(({ publicKey, addresses, subnet }) => [publicKey, [...addresses, ...(subnet ? [subnet] : [])].sort().join()]));
  }

  async function actual() {
    const dump = await parseDump((await network.server.run(['wg', 'show', network.interfaceName, 'dump'])).stdout);
    const peers = new Map([...dump.peers.values()].map((peer) => [String(peer.publicKey), [...peer.allowedIps].sort().join()]));
    const map = async (name: string) =>
      JSON.parse((await network.server.run(['nft', '-j', 'list', 'map', 'inet', 'wiregui', name])).stdout).nftables.at(-1).map.elem?.length ?? 0;
    const routes = (await network.server.run(['ip', 'route', 'show', 'dev', network.interfaceName, 'proto', '87'])).stdout.split('\n').filter(Boolean).length;
    return { peers, sources: (await map('sources4')) + (await map('sources6')), routes };
  }

  async function agrees(): Promise<boolean> {
    const wanted = expected();
    busiest = Math.max(busiest, wanted.size);
    const is = await actual();
    const networks = [...wanted.values()].flatMap((list) => list.split(','));
    return (
      JSON.stringify([...is.peers].sort()) === JSON.stringify([...wanted].sort()) &&
      is.sources === networks.length &&
      is.routes === networks.filter((item) => item.startsWith('172.')).length
    );
  }

  async function explain(error: unknown): Promise<never> {
    throw new Error(
      `wanted ${JSON.stringify([...expected()])}, is ${JSON.stringify([...(await actual()).peers])}, status ${JSON.stringify(box.app.reconciler.status())}`,
      { cause: error },
    );
  }
});

function operationsOf(
  call: (method: string, path: string, body?: object) => Promise<Record<string, unknown>>,
  box: TestApp,
  model: { users: ModelUser[]; devices: ModelDevice[]; duration: number; serial: number },
) {
  const one = <T>(list: readonly T[], pick: number): T | undefined => list[pick % list.length];
  const onUser = (act: (user: ModelUser) => Promise<void>) => async (pick: number) => {
    const user = one(model.users, pick);
    if (user) await act(user);
  };
  const onDevice = (act: (device: ModelDevice, amount: number) => Promise<void>) => async (pick: number, amount: number) => {
    const device = one(model.devices, pick);
    if (device) await act(device, amount);
  };

  return {
    async createUser() {
      if (model.users.length >= MOST_USERS) return;
      model.serial += 1;
      const email = `user${model.serial}@example.com`;
      const { id } = await call('POST', '/users', { email, password: PASSWORD });
      model.users.push({ id: String(id), email, disabled: false, signedInAt: null, vpnEnded: false });
    },
    disable: onUser(async (user) => {
      await call('POST', `/users/${user.id}/disable`);
      user.disabled = true;
    }),
    enable: onUser(async (user) => {
      await call('POST', `/users/${user.id}/enable`);
      user.disabled = false;
    }),
    deleteUser: onUser(async (user) => {
      await call('DELETE', `/users/${user.id}`);
      model.users = model.users.filter((other) => other !== user);
      model.devices = model.devices.filter((device) => device.user !== user);
    }),
    signIn: onUser(async (user) => {
      if (user.disabled) return;
      await box.signedIn({ email: user.email, password: PASSWORD });
      user.signedInAt = box.clock.now().getTime();
      user.vpnEnded = false;
    }),
    endVpn: onUser(async (user) => {
      await call('POST', `/users/${user.id}/vpn-end`);
      user.vpnEnded = true;
    }),
    async createDevice(pick: number) {
      const user = one(model.users, pick);
      if (!user || model.devices.length >= MOST_DEVICES) return;
      model.serial += 1;
      const device = await call('POST', '/devices', { name: `device ${model.serial}`, user_id: user.id });
      model.devices.push({
        id: String(device['id']),
        user,
        publicKey: String(device['public_key']),
        addresses: [`${device['ipv4']}/32`, `${device['ipv6']}/128`],
        subnet: null,
        paused: false,
        expiresAt: null,
      });
    },
    pause: onDevice(async (device) => {
      await call('POST', `/devices/${device.id}/pause`);
      device.paused = true;
    }),
    resume: onDevice(async (device) => {
      await call('POST', `/devices/${device.id}/resume`);
      device.paused = false;
    }),
    rotate: onDevice(async (device) => {
      device.publicKey = String((await call('POST', `/devices/${device.id}/key`, {}))['public_key']);
    }),
    expire: onDevice(async (device, amount) => {
      device.expiresAt = amount % 3 === 0 ? null : box.clock.now().getTime() + (amount % 120) * 1_000;
      await call('PATCH', `/devices/${device.id}`, { expires_at: device.expiresAt === null ? null : new Date(device.expiresAt).toISOString() });
    }),
    route: onDevice(async (device, amount) => {
      const subnet = amount % 2 === 0 ? null : `172.20.${amount % 200}.0/24`;
      if (model.devices.some((other) => other !== device && subnet !== null && other.subnet === subnet)) return;
      await call('PATCH', `/devices/${device.id}`, { allowed_subnets: subnet === null ? [] : [subnet] });
      device.subnet = subnet;
    }),
    deleteDevice: onDevice(async (device) => {
      await call('DELETE', `/devices/${device.id}`);
      model.devices = model.devices.filter((other) => other !== device);
    }),
    async duration(pick: number) {
      model.duration = [0, 60, 300, 3_600][pick % 4] ?? 0;
      await call('PATCH', '/configuration/security', { vpn_session_duration: model.duration });
    },
    async advance(_: number, amount: number) {
      box.clock.advance((amount % 90) * 1_000);
    },
  };
}
