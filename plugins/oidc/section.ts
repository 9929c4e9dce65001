import { z } from 'zod';
import { defineSection } from '#core';
import { text } from './text.ts';

export const section = defineSection('oidc', text.settings, z.strictObject({ disableVpnOnError: z.boolean().default(false) }));
