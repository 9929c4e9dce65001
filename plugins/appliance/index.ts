import { boxSlot, type Host, type Plugin } from '#core';
import { logOperations } from './log-operations.ts';
import { logPages } from './log-pages.ts';
import { createLogStreams } from './log-stream.ts';
import { createLogs } from './logs.ts';
import { createNameAndTime } from './name-and-time.ts';
import { nameAndTimeOperations } from './name-and-time-operations.ts';
import { nameAndTimePages } from './name-and-time-pages.ts';
import { createNetwork } from './network.ts';
import { networkOperations } from './network-operations.ts';
import { networkPages } from './network-pages.ts';
import { systemOperations } from './operations.ts';
import { nav, systemPages } from './pages.ts';
import { createPower } from './power.ts';
import { createSsh } from './ssh.ts';
import { sshOperations } from './ssh-operations.ts';
import { sshPages } from './ssh-pages.ts';
import { text } from './text.ts';
import { updateOperations } from './update-operations.ts';
import { updatePages } from './update-pages.ts';
import { createUpdates } from './updates.ts';

export const appliance: Plugin = {
  manifest: { id: 'appliance', title: text.title, summary: text.summary },
  setup(host: Host) {
    const find = () => host.all(boxSlot)[0];
    const power = createPower(host, find);
    const system = systemPages(find, power);
    // Elsewhere one page says that this is no appliance, and the API has nothing of it.
    if (!find()) return { pages: () => system.filter(({ path }) => path === nav.path) };
    const updates = createUpdates(host, find);
    const logs = createLogs(host.clock.now, find);
    const streams = createLogStreams(host, logs);
    const network = createNetwork(host, find);
    const ssh = createSsh(host, find);
    const nameAndTime = createNameAndTime(host, find);
    return {
      pages: () => [
        ...system,
        ...updatePages(find, updates),
        ...nameAndTimePages(find, nameAndTime),
        ...networkPages(network),
        ...sshPages(find, ssh),
        ...logPages(logs, streams),
      ],
      nav: [nav],
      api: [
        ...systemOperations(find, power),
        ...updateOperations(updates),
        ...nameAndTimeOperations(find, nameAndTime),
        ...networkOperations(network),
        ...sshOperations(ssh),
        ...logOperations(logs),
      ],
      async stop() {
        updates.stop();
        streams.stop();
      },
    };
  },
};
