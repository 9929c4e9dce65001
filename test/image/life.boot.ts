import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERSION } from '../../core/version.ts';
import { until } from '../support/wait.ts';
import { cli, fallsBack, reboot, setUp, setupCode, signIn, update } from './box.ts';
import { BUILD, buildBundles, buildImage, IMAGE, NEXT } from './build.ts';
import { type Machine, startMachine } from './machine.ts';
import { type Peer, startPeer } from './peer.ts';

/** In the order of a box's life; each step begins where the one before ended. */
describe('a box', () => {
  let machine: Machine;
  let configuration = '';
  let device = '';

  beforeAll(async () => {
    await buildImage();
    const second = await buildBundles();
    machine = await startMachine({ disk: IMAGE, second, log: `${BUILD}/life.log` });
    machine.switchOn();
  });
  afterAll(async () => {
    await machine?.[Symbol.asyncDispose]();
  });

  const peer = (): Promise<Peer> => startPeer(configuration, `127.0.0.1:${machine.wireguardPort}`);
  const bootState = () => machine.shell('/usr/lib/wiregui/box/boot-state show');
  const isSound = async () => {
    expect(await signIn(machine)).toBe(303);
    await using through = await peer();
    expect(await through.reaches('10.3.2.1')).toBe(true);
  };

  it('becomes healthy, with the network applied', async () => {
    const { slot, seconds } = await machine.healthy(VERSION);
    expect(slot).toBe('A');
    console.log(`healthy after ${seconds} s`);
  });

  it('has grown its data partition to the disk, and fails in no unit', async () => {
    expect(Number(await machine.shell('df -m --output=size /data | tail -n 1'))).toBeGreaterThan(700);
    expect(await machine.shell('systemctl --failed --no-legend --plain')).toBe('');
    expect(await machine.shell('touch /etc/x 2>&1 || true')).toContain('Read-only file system');
  });

  it('is watched by the hardware', async () => {
    expect(await machine.shell('wdctl -n -o IDENTITY,TIMEOUT 2>&1; wdctl 2>&1')).toMatch(/i6300ESB/);
    expect(await machine.shell('systemctl show -P RuntimeWatchdogUSec')).toBe('30s');
  });

  it('runs a service that can do little', async () => {
    const score = await machine.shell('systemd-analyze security wiregui.service --no-pager | tail -n 1 | grep -oE "[0-9]+\\.[0-9]"', 120_000);
    expect(Number(score)).toBeLessThanOrEqual(1.8);
  });

  it('lets nobody but root install updates', async () => {
    const as = 'setpriv --reuid=wiregui --regid=wiregui --clear-groups';
    const asked = `${as} busctl call de.pengutronix.rauc / de.pengutronix.rauc.Installer Mark ss good booted 2>&1 || true`;
    expect(await machine.shell(asked)).toMatch(/denied/);
  });

  it('is set up with the code on its screen, and with no other', async () => {
    expect(await setUp(machine, 'AAAA-BBBB-CCCC')).toBe(422);
    expect(await setUp(machine, await setupCode(machine))).toBe(303);
    expect(await signIn(machine)).toBe(303);
  });

  it('passes traffic of a peer through the tunnel of its kernel, as the rules say', async () => {
    const [owner] = await cli<readonly { id: string }[]>(machine, 'user list');
    ({ id: device, configuration } = await cli<{ id: string; configuration: string }>(machine, `device create userId=${owner?.id} name=laptop`));
    await using through = await peer();
    expect(await through.reaches('10.3.2.1')).toBe(true);
    const asks = () => through.get('http://10.3.2.1/api/health');
    expect(await asks()).toContain('"status":"ok"');
    const rule = await cli<{ id: string }>(machine, 'rule create action=drop destination=10.3.2.1 protocol=tcp portRange=80');
    // The service follows the command line; here that takes a while.
    await until('the rule bites', async () => (await asks()) === '', 60_000);
    expect(await through.reaches('10.3.2.1')).toBe(true);
    await machine.shell(`wiregui rule delete ${rule.id}`, 120_000);
    await until('the rule is gone', async () => (await asks()).includes('"status":"ok"'), 60_000);
  });

  it('has its tunnels back before the service, after the power went', async () => {
    await machine.cutPower();
    machine.switchOn();
    await machine.healthy(VERSION);
    const at = (unit: string, what: string) => machine.shell(`systemctl show -P ${what}TimestampMonotonic ${unit}`).then(Number);
    expect(await machine.shell('systemctl show -P Result box-network.service')).toBe('success');
    expect(await at('box-network.service', 'ActiveEnter')).toBeGreaterThan(0);
    expect(await at('box-network.service', 'ActiveEnter')).toBeLessThan(await at('wiregui.service', 'ExecMainStart'));
    expect(await machine.shell('journalctl -u box-network -b -o cat --no-pager')).not.toMatch(/rror/);
    await isSound();
  });

  it.each([
    ['tampered', /verity|Input\/output|failed/i],
    ['foreign', /signature|certificate/i],
    ['older', /older than/],
  ])('refuses a bundle that is %s, and goes on', async (bundle, why) => {
    const answer = await update(machine, bundle);
    expect(answer).toMatch(why);
    expect(answer).toMatch(/failed$/);
    expect(await machine.shell('/usr/lib/wiregui/box/boot-state get-primary')).toBe('A');
  });

  it.each(['broken-root', 'broken-kernel', 'hung-kernel', 'missing-disk', 'dying-service'])(
    'comes back by itself from an update with a %s, with everything',
    async (bundle) => {
      expect(await update(machine, bundle)).toMatch(/done$/);
      expect(await bootState()).toContain('ORDER=B A');
      await reboot(machine);
      const ms = await fallsBack(machine, 1_200_000);
      console.log(`${bundle}: back after ${(ms / 1_000).toFixed(0)} s`);
      expect(await machine.shell("sed -n 's/.*rauc.slot=//p' /proc/cmdline | cut -c1")).toBe('A');
      expect(await machine.shell('cat /run/box/fell-back-from')).toMatch(/^99\.0\.\d$/);
      expect(await bootState()).toBe('ORDER=B A\nA_OK=1\nA_TRY=0\nB_OK=0\nB_TRY=0');
      await isSound();
    },
  );

  it('updates, and keeps users, devices and tunnels', async () => {
    expect(await update(machine, 'next')).toMatch(/done$/);
    await reboot(machine);
    expect((await machine.healthy(NEXT)).slot).toBe('B');
    expect(await cli<readonly { id: string }[]>(machine, 'device list')).toMatchObject([{ id: device }]);
    await isSound();
    expect(await bootState()).toBe('ORDER=B A\nA_OK=1\nA_TRY=0\nB_OK=1\nB_TRY=0');
  });

  it('erases everything when asked to', async () => {
    await machine.shell(
      "setpriv --reuid=wiregui --regid=wiregui --clear-groups sh -c 'echo erase-everything >/run/box/requests/.f && mv /run/box/requests/.f /run/box/requests/factory-reset.f'",
    );
    await machine.waitFor(/WireGUI: slot [AB], try \d/, 180_000);
    machine.forget();
    await machine.healthy(NEXT);
    await setupCode(machine);
    expect(await machine.shell('find /data/box/snapshots /data/box/replaced -mindepth 1 2>/dev/null; wg show wg-wiregui peers')).toBe('');
  });
});
