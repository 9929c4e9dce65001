import { z } from 'zod';
import { defineSection, within } from '#core';
import { text } from './text.ts';

export const section = defineSection('api', text.settings, z.strictObject({ requestsPerMinute: within(1, 1_000_000_000).default(1_200) }));
