import { z } from 'zod';
import { defineSection, type Plugin } from '#core';
import { text } from './text.ts';

const section = defineSection('firewall', text.settings, z.strictObject({ defaultPolicy: z.enum(['accept', 'drop']).default('accept') }));

/** The policy for packets from peers. */
export const firewall: Plugin = {
  manifest: { id: 'firewall', title: text.title, summary: text.summary, settings: section },
  setup: ({ settings }) => ({
    async network() {
      const { defaultPolicy } = await settings.read(section);
      return new Map([['global', [{ verdict: defaultPolicy }]]]);
    },
  }),
};
