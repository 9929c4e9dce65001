import { z } from 'zod';
import { defineSection, line, prose } from '#core';
import { text } from './text.ts';

export const section = defineSection(
  'branding',
  text.settings,
  z.strictObject({ productName: line(1, 40).default('WireGUI'), signInMessage: prose(500).default('') }),
);
