import { z } from 'zod';
import { defineSection } from '#core';
import { text } from './text.ts';

export const section = defineSection('firewall', text.settings, z.strictObject({ defaultPolicy: z.enum(['accept', 'drop']).default('accept') }));
