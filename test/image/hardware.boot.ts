import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VERSION } from '../../core/version.ts';
import { setUp, setupCode, signIn } from './box.ts';
import { BUILD, buildImage } from './build.ts';
import { type MachineOptions, startMachine } from './machine.ts';

/** Nothing in these machines is made for guests: an Intel network card, and a disk as boxes have them. */
describe('the image for hardware', () => {
  it.each<[string, Pick<MachineOptions, 'bus' | 'firmware'>]>([
    ['an NVMe disk, by UEFI', { bus: 'nvme', firmware: 'uefi' }],
    ['a SATA disk, by BIOS', { bus: 'sata', firmware: 'bios' }],
    ['a USB stick, by BIOS', { bus: 'usb', firmware: 'bios' }],
  ])('boots from %s, to a box that is set up over the network', async (_, options) => {
    await using machine = await startMachine({ disk: await buildImage('hardware'), log: join(BUILD, 'hardware.log'), ...options });
    machine.switchOn();
    const { seconds } = await machine.healthy(VERSION);
    console.log(`${options.bus}: healthy after ${seconds} s`);
    expect(await setUp(machine, await setupCode(machine))).toBe(303);
    expect(await signIn(machine)).toBe(303);
    expect(await machine.shell('systemctl --failed --no-legend --plain')).toBe('');
  });
});
