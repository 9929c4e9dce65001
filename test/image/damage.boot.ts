import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../../core/system/run.ts';
import { BUILD, buildImage, IMAGE } from './build.ts';
import { BOOT_MS, type Machine, startMachine } from './machine.ts';

const MB = 1024 * 1024;

describe('a box whose data partition is damaged', () => {
  let machine: Machine;
  let start = 0;

  beforeAll(buildImage);
  beforeEach(async () => {
    machine = await startMachine({ disk: IMAGE, log: join(BUILD, 'damage.log') });
    const { stdout } = await run(['sfdisk', '-J', machine.disk]);
    start = (JSON.parse(stdout) as { partitiontable: { partitions: { name: string; start: number }[] } }).partitiontable.partitions.find(
      ({ name }) => name === 'data',
    )?.start as number;
    start *= 512;
  });
  afterEach(() => machine[Symbol.asyncDispose]());

  const overwrite = (from: number, bytes: Buffer) => {
    const file = openSync(machine.disk, 'r+');
    writeSync(file, bytes, 0, bytes.length, start + from);
    closeSync(file);
  };
  const digest = (from: number, length: number) => {
    const content = Buffer.alloc(length);
    const file = openSync(machine.disk, 'r');
    readSync(file, content, 0, length, start + from);
    closeSync(file);
    return createHash('sha256').update(content).digest('hex');
  };

  it('mends it from what is left, when the first block is gone', async () => {
    // Grown to the disk it has copies of that block.
    machine.switchOn();
    await machine.waitFor(/Set-up: {5}give the code/, BOOT_MS, 0);
    await machine.cutPower();
    overwrite(1_024, randomBytes(1_024));
    machine.switchOn();
    await machine.waitFor(/the data file system is damaged; mending it/, BOOT_MS, 0);
    await machine.waitFor(/Set-up: {5}give the code/, BOOT_MS, 0);
    expect(machine.output()).not.toContain('RESCUE');
    expect(machine.output()).not.toContain('EXT4-fs error');
  });

  it('starts in rescue mode when nothing is left, and leaves it alone', async () => {
    overwrite(0, randomBytes(56 * MB));
    const before = digest(0, 56 * MB);
    machine.switchOn();
    await machine.waitFor(/RESCUE: the data partition cannot be read/, BOOT_MS, 0);
    expect(await machine.shell('systemctl is-active wiregui.service || true')).toBe('inactive');
    await machine.cutPower();
    expect(digest(0, 56 * MB)).toBe(before);
  });

  it('makes it anew when it is blank', async () => {
    overwrite(0, Buffer.alloc(56 * MB));
    machine.switchOn();
    await machine.waitFor(/making the data file system/, BOOT_MS, 0);
    await machine.waitFor(/Set-up: {5}give the code/, BOOT_MS, 0);
  });
});
