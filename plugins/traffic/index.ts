import { dashboardPanelSlot, devicePanelSlot, fill, type Host, movementSlot, type Plugin, userPanelSlot } from '#core';
import { createHistory } from './history.ts';
import { trafficOperations } from './operations.ts';
import { trafficPanels } from './panels.ts';
import { record, removeOld, removeOrphans } from './store.ts';
import { text } from './text.ts';

const HOUSEKEEPING_MS = 3_600_000;

/** Keeps what devices move, and draws it. */
export const traffic: Plugin = {
  manifest: { id: 'traffic', title: text.title, summary: text.summary, whenOff: text.whenOff },
  setup({ db, clock }: Host) {
    const history = createHistory({ db, clock });
    const panels = trafficPanels({ db, clock, history });
    // The command line may have deleted some while this was not running.
    let mayHaveOrphans = true;
    const lookForOrphans = () => {
      mayHaveOrphans = true;
    };
    return {
      api: trafficOperations(history),
      on: { 'device.deleted': lookForOrphans, 'user.deleted': lookForOrphans },
      jobs: [
        {
          id: 'housekeeping',
          everyMs: HOUSEKEEPING_MS,
          deadlineMs: 60_000,
          async run() {
            await removeOld(db, clock.now());
            if (mayHaveOrphans) await removeOrphans(db, clock.now());
            mayHaveOrphans = false;
          },
        },
      ],
      fills: [
        fill(movementSlot, record),
        fill(dashboardPanelSlot, panels.box),
        fill(dashboardPanelSlot, panels.talkers),
        fill(devicePanelSlot, panels.device),
        fill(userPanelSlot, panels.user),
      ],
    };
  },
};
