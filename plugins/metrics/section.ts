import { z } from 'zod';
import { cidr, defineSection, unique } from '#core';
import { text } from './text.ts';

const MOST_NETWORKS = 32;

export const section = defineSection(
  'metrics',
  text.settings,
  z.strictObject({ allowedNetworks: unique(cidr, MOST_NETWORKS).default([]), eachDevice: z.boolean().default(false) }),
);
