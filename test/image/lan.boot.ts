import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERSION } from '../../core/version.ts';
import { until } from '../support/wait.ts';
import { ask } from './box.ts';
import { BUILD, buildImage, IMAGE } from './build.ts';
import { createLan, type Lan } from './lan.ts';
import { BOOT_MS, type Machine, startMachine } from './machine.ts';

const ADDRESS = '169.254.77.77';
const program = (name: string) => join(import.meta.dirname, '..', 'support', 'programs', name);

describe('a box at a cable where nobody gives out addresses, with UEFI', () => {
  let lan: Lan;
  let machine: Machine;

  beforeAll(async () => {
    await buildImage();
    lan = await createLan();
    machine = await startMachine({ disk: IMAGE, firmware: 'uefi', tap: lan.tap, prefix: lan.prefix, log: join(BUILD, 'lan.log') });
    machine.switchOn();
  });
  afterAll(async () => {
    await machine?.[Symbol.asyncDispose]();
    await lan?.[Symbol.asyncDispose]();
  });

  const curl = async (...args: string[]) => (await lan.run(['curl', '-s', '-m', '20', ...args], { acceptedExitCodes: [0, 7, 28], deadlineMs: 30_000 })).stdout;

  it('becomes healthy all the same', async () => {
    const { seconds } = await machine.healthy(VERSION);
    expect(await machine.shell('ls -d /sys/firmware/efi')).toBe('/sys/firmware/efi');
    console.log(`healthy after ${seconds} s with UEFI`);
  });

  it('has an address of its own, which its screen shows', async () => {
    await machine.waitFor(new RegExp(`https://${ADDRESS}`), 60_000, 0);
    await until('the box answers', async () => (await curl(`http://${ADDRESS}/api/health`)).includes('"status":"ok"'), BOOT_MS);
  });

  it('shows the certificate on its screen that it shows to browsers', async () => {
    const { match } = await machine.waitFor(/Certificate ([0-9A-F:]{95})/, 60_000, 0);
    const connecting = `openssl s_client -connect ${ADDRESS}:443 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256`;
    expect((await lan.run(['bash', '-c', connecting], { deadlineMs: 60_000 })).stdout.trim()).toMatch(new RegExp(`=${match[1]}$`));
    expect(await curl('-o', '/dev/null', '-w', '%{http_code} %{redirect_url}', `http://${ADDRESS}/`)).toBe(`308 https://${ADDRESS}/`);
    expect(await curl('-k', '-o', '/dev/null', '-w', '%{http_code}', `https://${ADDRESS}/setup`)).toBe('200');
  });

  const addressesOf = async (name: string) => (await lan.run([process.execPath, program('ask-mdns.mjs'), name], { deadlineMs: 30_000 })).stdout.split('\n');

  it('is found as wiregui.local, and under the name that it is given', async () => {
    expect(await addressesOf('wiregui.local')).toContain(ADDRESS);
    expect(await ask(machine, 'name', 'office')).toMatch(/done$/);
    await until('the new name is answered', async () => (await addressesOf('office.local')).includes(ADDRESS), 120_000);
  });

  it('answers on its web ports and on no other, whatever listens', async () => {
    await machine.shell(`(/usr/lib/wiregui/node -e 'require("net").createServer().listen(900)' >/dev/null 2>&1 &); sleep 20`);
    expect(await machine.shell('ss -Hltn sport = :900 | wc -l')).toBe('1');
    const { stdout } = await lan.run([process.execPath, program('knock.mjs'), ADDRESS, '1', '1200'], { deadlineMs: 120_000 });
    expect(stdout.trim().split('\n')).toEqual(['80 open', '443 open']);
  });
});
