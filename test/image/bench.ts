import { statSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../core/system/run.ts';
import { VERSION } from '../../core/version.ts';
import { reboot, update } from './box.ts';
import { BUILD, buildBundles, buildRelease, IMAGE } from './build.ts';
import { type Machine, startMachine } from './machine.ts';

// `npm run bench:image`: what the image weighs and how long a box takes, beside what they should be. Times under TCG, which
// is twenty times slower than a processor, and as busy as this machine is.
const rows: (readonly [what: string, measured: string, target: string, isMet: boolean])[] = [];
const seconds = (ms: number) => ms / 1_000;
const note = (what: string, value: number, unit: string, most: number) => rows.push([what, `${value.toFixed(1)} ${unit}`, `≤ ${most} ${unit}`, value <= most]);

await buildRelease();
const second = await buildBundles();
note('compressed image (vm)', statSync(`${IMAGE}.zst`).size / 1e6, 'MB', 125);
const unit = join(import.meta.dirname, '..', '..', 'image/root/usr/lib/systemd/system/wiregui.service');
const security = await run(['systemd-analyze', 'security', '--offline=true', '--no-pager', unit], { acceptedExitCodes: [0, 1] });
note('systemd-analyze security, offline', Number(/: (\d+\.\d)/.exec(security.stdout)?.[1] ?? 10), '', 1.8);

for (const firmware of ['uefi', 'bios'] as const) {
  await using machine = await startMachine({ disk: IMAGE, firmware, second, log: join(BUILD, 'bench.log') });
  const start = performance.now();
  machine.switchOn();
  await machine.healthy(VERSION);
  note(`from the switch to marked good, ${firmware}`, seconds(performance.now() - start), 's', 45);
  if (firmware === 'uefi') continue;
  await fallback(machine, 'broken-root', 90);
  await fallback(machine, 'dying-service', 300);
}

for (const [what, measured, target, isMet] of rows) console.log(`${what.padEnd(45)} ${measured.padStart(10)}   ${target.padEnd(10)} ${isMet ? '' : 'missed'}`);

async function fallback(machine: Machine, bundle: string, target: number): Promise<void> {
  const answer = await update(machine, bundle);
  if (!answer.endsWith('done')) throw new Error(answer);
  const start = performance.now();
  await reboot(machine);
  await machine.healthy(VERSION, 1_200_000);
  note(`back from a ${bundle}`, seconds(performance.now() - start), 's', target);
}
