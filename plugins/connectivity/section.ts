import { z } from 'zod';
import { defineSection, line, within } from '#core';
import { text } from './text.ts';

const isWeb = (url: string) => URL.canParse(url) && ['https:', 'http:'].includes(new URL(url).protocol);
const url = line(0, 2_048)
  .refine((value) => value === '' || isWeb(value), { error: text.web })
  .refine((value) => !isWeb(value) || `${new URL(value).username}${new URL(value).password}` === '', { error: text.noCredentials });

export const section = defineSection(
  'connectivity',
  text.settings,
  z.strictObject({ url: url.default(''), intervalSeconds: within(60, 86_400).default(43_200), mayReachThisBox: z.boolean().default(false) }),
);
