import { boxSlot, type Host, type Plugin } from '#core';
import { systemOperations } from './operations.ts';
import { nav, systemPages } from './pages.ts';
import { createPower } from './power.ts';
import { text } from './text.ts';

export const appliance: Plugin = {
  manifest: { id: 'appliance', title: text.title, summary: text.summary },
  setup(host: Host) {
    const find = () => host.all(boxSlot)[0];
    const power = createPower(host, find);
    return {
      pages: () => systemPages(find, power),
      nav: find() ? [nav] : [],
      api: systemOperations(find, power),
    };
  },
};
