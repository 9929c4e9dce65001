// The firewall against bare nft and against itself with fewer users, in one run. Part of `npm run bench`; needs root.
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { users } from '../../core/accounts/tables.ts';
import { devices } from '../../core/devices/tables.ts';
import type { Cidr, FragmentKey, NetworkInputs, UserId } from '../../core/net/inputs.ts';
import { changeBatch, replaceBatch } from '../../core/net/nft.ts';
import { buildRuleset } from '../../core/net/ruleset.ts';
import { compile } from '../../plugins/firewall/compile.ts';
import type { Rule } from '../../plugins/firewall/store.ts';
import { rules } from '../../plugins/firewall/tables.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { createNetwork } from '../support/network.ts';
import { createWire, WIRE_NETWORKS, type Wire } from '../support/wire.ts';

const RULES_EACH = 5;
const SIZES = [10, 1_000, 10_000];
const MANY = 10_000;
const TURNS = 7;

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const userId = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}` as UserId;
const addressOf = (number: number) => `10.3.${16 + Math.floor(number / 250)}.${(number % 250) + 1}`;
const ruleOf = (number: number, index: number): Rule => ({
  id: `${number}-${index}`,
  action: 'drop',
  destination: `10.${100 + index}.${number % 250}.0/24` as Cidr,
  protocol: 'tcp',
  portRange: String(1_000 + index),
  userId: userId(number),
  priority: 100,
  enabled: true,
  comment: '',
  createdAt: new Date(number * 10 + index),
  updatedAt: new Date(0),
});
const rulesFor = (count: number) =>
  Array.from({ length: count }, (_, number) => Array.from({ length: RULES_EACH }, (__, index) => ruleOf(number, index))).flat();
const took = async (work: () => Promise<unknown>) => {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
};

export async function benchFirewall(): Promise<void> {
  await changes();
  await latency();
}

/** Round trip and connect time of the last user, each size in turns so that a noisy moment meets them all. */
async function latency(): Promise<void> {
  await using wire = await createWire([...SIZES.map((count) => addressOf(count - 1)), 'fd00::3:2:10']);
  const connector = join(import.meta.dirname, 'connect.mjs');
  const pings = new Map<number, number[]>();
  const connects = new Map<number, number[]>();
  for (let turn = 0; turn < 9; turn += 1) {
    for (const count of SIZES) {
      const source = addressOf(count - 1);
      await enforce(wire, count);
      const { stdout } = await wire.inPeers(['ping', '-q', '-i', '0.0005', '-c', '2000', '-I', source, '10.0.0.5'], { deadlineMs: 30_000 });
      pings.set(count, [...(pings.get(count) ?? []), Number(/= [\d.]+\/([\d.]+)\//.exec(stdout)?.[1]) * 1_000]);
      const connected = await wire.inPeers([process.execPath, connector, source, '10.0.0.5', '400'], { deadlineMs: 30_000 });
      connects.set(count, [...(connects.get(count) ?? []), Number(connected.stdout)]);
    }
  }
  for (const [what, times] of [
    ['round trip', pings],
    ['connect   ', connects],
  ] as const) {
    const [few = Number.NaN, ...more] = SIZES.map((count) => median(times.get(count) ?? []));
    const ratios = more.map((time) => (time / few).toFixed(2)).join(', ');
    console.log(
      `last user's ${what}    ${[few, ...more].map((time) => time.toFixed(0)).join(' / ')} µs with ${SIZES.join(' / ')} users; ratios ${ratios} (target ≤ 1.25)`,
    );
  }
}

async function enforce(wire: Wire, count: number): Promise<void> {
  const inputs: NetworkInputs = {
    interface: {
      name: wire.interfaceName,
      privateKey: '' as never,
      listenPort: 51_820,
      mtu: 1_420,
      ipv4Network: WIRE_NETWORKS.ipv4 as Cidr,
      ipv6Network: null,
    },
    masquerade: { ipv4: false, ipv6: false },
    allowPeerToPeer: false,
    allowLanToPeers: false,
    vpnSessionDurationSeconds: 0,
    devices: [],
    fragments: compile(rulesFor(count), 'accept'),
  };
  const sources = Array.from({ length: count }, (_, number) => ({ userId: userId(number), networks: [`${addressOf(number)}/32` as Cidr] }));
  const { stdout } = await wire.inServer(['nft', 'list', 'table', 'inet', 'wiregui'], { acceptedExitCodes: [0, 1], deadlineMs: 30_000 });
  await wire.inServer(['nft', '-f', '-'], { stdin: replaceBatch(buildRuleset(inputs, sources), stdout), deadlineMs: 60_000 });
}

/** One user's change and a full load with ten thousand users, from the database to the kernel, against nft with the same text. */
async function changes(): Promise<void> {
  await using network = await createNetwork();
  await using box = await createTestApp({ network, env: { WG_WG_IPV4_NETWORK: '10.3.0.0/16' } });
  await fill(box);
  await box.app.reconciler.request();
  const { app } = box;
  const nft = (stdin: string) => network.server.run(['nft', '-f', '-'], { stdin, deadlineMs: 60_000 });

  const ours: number[] = [];
  for (let turn = 0; turn < TURNS; turn += 1) {
    const number = 100 + turn * 400;
    await app.db.transaction(async (tx) => {
      await tx
        .update(rules)
        .set({ action: 'accept' })
        .where(eq(rules.id, `${number}-0`));
    });
    ours.push(await took(() => app.reconciler.request([`user:${userId(number)}`])));
    // Afterwards the table is listed and marked at leisure.
    await new Promise((resolve) => setTimeout(resolve, 4_000));
  }
  // From here on somebody else changes the table, and nobody shall mend it.
  app.reconciler.stop();

  const inputs = await app.networkStore.load(await app.host.fragments());
  const sources = inputs.devices.map(({ userId: owner, ipv4 }) => ({ userId: owner, networks: [`${ipv4}/32` as Cidr] }));
  const before = buildRuleset(inputs, sources);
  const bare: number[] = [];
  for (let turn = 0; turn < TURNS; turn += 1) {
    const key: FragmentKey = `user:${userId(300 + turn * 400)}`;
    const [first, ...others] = inputs.fragments.get(key) ?? [];
    const fragments = new Map(inputs.fragments).set(key, [{ ...first, verdict: 'accept' }, ...others]);
    const batch = changeBatch(before, buildRuleset({ ...inputs, fragments }, sources));
    bare.push(await took(() => nft(batch)));
  }
  report(`one user's rule change`, ours, bare, 2);

  const loads: number[] = [];
  const bareLoads: number[] = [];
  const text = replaceBatch(before, null);
  const load = async () =>
    loads.push(await took(async () => nft(replaceBatch(buildRuleset(await app.networkStore.load(await app.host.fragments()), sources), null))));
  const bareLoad = async () => bareLoads.push(await took(() => nft(text)));
  // The kernel tidies up after a load for a while: neither shall always come second.
  for (let turn = 0; turn < TURNS; turn += 1) for (const work of turn % 2 === 0 ? [load, bareLoad] : [bareLoad, load]) await work();
  report(`full load             `, loads, bareLoads, 1.3);
}

function report(what: string, ours: readonly number[], bare: readonly number[], target: number): void {
  const ratio = (median(ours) / median(bare)).toFixed(2);
  console.log(
    `${what}    ${median(ours).toFixed(0)} ms for ${MANY} users with ${RULES_EACH} rules each; bare nft with the same text ${median(bare).toFixed(0)} ms; ratio ${ratio} (target ≤ ${target})`,
  );
}

async function fill({ app }: TestApp): Promise<void> {
  const now = new Date();
  const seal = app.secrets.seal(Buffer.alloc(32, 1).toString('base64'));
  const numbers = Array.from({ length: MANY }, (_, number) => number);
  for (let from = 0; from < MANY; from += 500) {
    const some = numbers.slice(from, from + 500);
    await app.db.transaction(async (tx) => {
      await tx
        .insert(users)
        .values(
          some.map((number) => ({ id: userId(number), email: `user${number}@example.com`, role: 'unprivileged' as const, createdAt: now, updatedAt: now })),
        );
      await tx.insert(devices).values(
        some.map((number) => ({
          userId: userId(number),
          name: 'device',
          publicKey: Buffer.alloc(32, `key${number}.`).toString('base64') as never,
          presharedKey: seal,
          ipv4: addressOf(number),
          createdAt: now,
          updatedAt: now,
        })),
      );
      await tx.insert(rules).values(some.flatMap((number) => Array.from({ length: RULES_EACH }, (_, index) => ruleOf(number, index))));
    });
  }
}
