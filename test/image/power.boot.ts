import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERSION } from '../../core/version.ts';
import { cli, setUp, setupCode, signIn, update } from './box.ts';
import { BUILD, buildBundles, buildImage, IMAGE, NEXT } from './build.ts';
import { type Machine, startMachine } from './machine.ts';

/** `WIREGUI_POWER_CUTS` of each kind; each costs a boot. */
const CUTS = Number(process.env['WIREGUI_POWER_CUTS'] ?? 20);

describe('a box whose power goes at any moment', () => {
  let machine: Machine;
  const acknowledged: string[] = [];

  beforeAll(async () => {
    await buildImage();
    machine = await startMachine({ disk: IMAGE, second: await buildBundles(), log: join(BUILD, 'power.log') });
    machine.switchOn();
    await machine.healthy(VERSION);
    expect(await setUp(machine, await setupCode(machine))).toBe(303);
  });
  afterAll(async () => {
    await machine?.[Symbol.asyncDispose]();
  });

  const isRunning = async () => {
    machine.switchOn();
    const { match } = await machine.waitFor(/version (\S+) in slot [AB] is healthy/, 1_200_000, 0);
    expect([VERSION, NEXT]).toContain(match[1]);
    expect(await signIn(machine)).toBe(303);
  };

  it.each(Array.from({ length: CUTS }, (_, index) => index))('loses nothing it has acknowledged (%i)', async (index) => {
    let isOn = true;
    const writing = (async () => {
      for (let n = 0; isOn; n += 1) {
        const email = `user-${index}-${n}@example.com`;
        await machine.shell(`wiregui user create email=${email} >/dev/null`, 120_000);
        acknowledged.push(email);
      }
    })().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 5_000 + Math.random() * 40_000));
    isOn = false;
    await machine.cutPower();
    await writing;
    await isRunning();
    const users = await cli<readonly { email: string }[]>(machine, 'user list limit=500');
    expect(users.map(({ email }) => email)).toEqual(expect.arrayContaining(acknowledged));
  });

  it.each(Array.from({ length: CUTS }, (_, index) => index))('boots after an update that was cut off (%i)', async () => {
    void update(machine, 'next').catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 90_000));
    await machine.cutPower();
    await isRunning();
    await cli(machine, 'user list limit=500').then((users) =>
      expect((users as readonly { email: string }[]).length).toBeGreaterThanOrEqual(acknowledged.length),
    );
  });
});
