import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { desired } from '../../../core/net/desired.ts';
import { createKeep, type Keep } from '../../../core/net/keep.ts';
import { createKernel } from '../../../core/net/kernel.ts';
import { createReconciler } from '../../../core/net/reconcile.ts';
import { createTestClock } from '../../support/clock.ts';
import { device, inputs, keyOf, NOW } from './inputs.ts';
import { createMachine } from './machine.ts';

const log = pino({ enabled: false });

describe('the kept network', () => {
  let folder: string;
  let directory: string;
  let keep: Keep;
  const clock = createTestClock(NOW);
  const read = (file: string) => readFileSync(join(directory, file), 'utf8');

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'wiregui-keep-'));
    directory = join(folder, 'network');
    keep = createKeep(directory, clock, log);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is what nft, wg and ip read', async () => {
    await keep(desired(inputs([device(1)]), NOW));
    expect(readdirSync(directory).sort()).toEqual(['facts', 'links.ip', 'peers.conf', 'rules.nft']);
    expect(read('rules.nft')).toMatch(/^add table inet wiregui\n/);
    expect(read('peers.conf')).toMatch(/^\[Interface\]\nPrivateKey = \S+\nListenPort = 51820\n\n\[Peer\]\n/);
    expect(read('peers.conf')).toContain(`PublicKey = ${keyOf(1)}\n`);
    expect(read('links.ip')).toMatch(/^address replace \S+ dev \S+\n(address replace \S+ dev \S+ nodad\n)?link set dev \S+ mtu \d+ up\n/);
    expect(read('facts')).toMatch(new RegExp(`^\\S+ ${NOW.getTime() / 1_000} never\n$`));
  });

  it('holds private keys, and nobody else reads them', async () => {
    await keep(desired(inputs([device(1)]), NOW));
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(directory)) expect(statSync(join(directory, file)).mode & 0o777).toBe(0o600);
  });

  it('says when it stops being right by itself', async () => {
    const expiresAt = new Date(NOW.getTime() + 60_000);
    await keep(desired(inputs([{ ...device(1), expiresAt }]), NOW));
    expect(read('facts')).toMatch(new RegExp(` ${expiresAt.getTime() / 1_000}\n$`));
  });

  it('writes nothing when nothing changed', async () => {
    await keep(desired(inputs([device(1)]), NOW));
    rmSync(join(directory, 'peers.conf'));
    await keep(desired(inputs([device(1)]), NOW));
    expect(existsSync(join(directory, 'peers.conf'))).toBe(false);
  });

  it('is forgotten when it cannot be kept', async () => {
    await keep(desired(inputs([device(1)]), NOW));
    mkdirSync(join(directory, 'peers.conf.new'));
    writeFileSync(join(directory, 'peers.conf.new', 'x'), '');
    await keep(desired(inputs([device(2)]), NOW));
    expect(existsSync(directory)).toBe(false);
  });

  it('has lost a peer before the pass that removed it is through, also when something else fails', async () => {
    const machine = createMachine();
    let wanted = inputs([device(1), device(2)]);
    const reconciler = createReconciler({
      load: async () => wanted,
      loadPart: async () => wanted,
      kernel: createKernel(machine.run, log),
      watch: () => () => {},
      clock,
      log,
      onChange: () => {},
      keep,
    });
    await reconciler.request();
    expect(read('peers.conf')).toContain(keyOf(2));
    machine.broken.add('nft -f');
    wanted = inputs([device(1)]);
    expect(await reconciler.request()).toMatchObject({ kind: 'failed' });
    expect(read('peers.conf')).not.toContain(keyOf(2));
  });
});
