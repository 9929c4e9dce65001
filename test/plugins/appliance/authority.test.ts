import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import type { Actor } from '../../../core/accounts/permissions.ts';
import { NotFound } from '../../../core/errors.ts';
import { theBox } from '../../../plugins/appliance/box.ts';
import { createLogStreams } from '../../../plugins/appliance/log-stream.ts';
import { createLogs } from '../../../plugins/appliance/logs.ts';
import { createNameAndTime } from '../../../plugins/appliance/name-and-time.ts';
import { createNetwork } from '../../../plugins/appliance/network.ts';
import { createPower } from '../../../plugins/appliance/power.ts';
import { createSsh } from '../../../plugins/appliance/ssh.ts';
import { createUpdates } from '../../../plugins/appliance/updates.ts';
import { createRuns } from '../../../plugins/backup/runs.ts';

const BOB: Actor = { userId: 'bob' as never, name: 'bob@example.com', role: 'unprivileged', via: 'page', ip: null };

it('there is nothing to look after where there is no box', () => {
  expect(() => theBox(() => undefined)).toThrow(NotFound);
});

it('what looks after the box asks for itself whether somebody may, whoever calls it', async () => {
  const host = { events: { on: () => () => {} } } as never;
  const find = () => {
    throw new Error('it went as far as the box');
  };
  const logs = createLogs(() => new Date(0), find);
  const [power, network, nameAndTime] = [createPower(host, find), createNetwork(host, find), createNameAndTime(host, find)];
  const [ssh, updates, runs] = [createSsh(host, find), createUpdates(host, find), createRuns(host)];
  const acts: Record<string, () => Promise<unknown>> = {
    reboot: () => power.reboot(BOB),
    powerOff: () => power.powerOff(BOB),
    factoryReset: () => power.factoryReset(BOB, { hostname: 'wiregui' }),
    networkState: () => network.state(BOB),
    attempt: () => network.attempt(BOB, {}),
    confirm: () => network.confirm(BOB),
    undo: () => network.undo(BOB),
    rename: () => nameAndTime.rename(BOB, { hostname: 'x' }),
    setTime: () => nameAndTime.setTime(BOB, { timezone: 'UTC', ntpServers: [] }),
    logs: () => logs.read(BOB, {}),
    follow: () => createLogStreams(host, logs).open(BOB, {}),
    sshState: () => ssh.state(BOB),
    sshSwitch: () => ssh.switch(BOB, { enabled: true }),
    sshAdd: () => ssh.add(BOB, { key: 'x' }),
    sshRemove: () => ssh.remove(BOB, 'x'),
    updateState: () => updates.state(BOB),
    receive: () => updates.receive(BOB, new PassThrough()),
    fetch: () => updates.fetch(BOB, { url: 'https://example.com' }),
    install: () => updates.install(BOB, {}),
    discard: () => updates.discard(BOB),
    runBackup: () => runs.ask(BOB),
    testPlace: () => runs.test(BOB),
  };
  for (const [name, act] of Object.entries(acts)) await expect(act(), name).rejects.toMatchObject({ code: 'forbidden' });
});
