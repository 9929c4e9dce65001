import type { Host, Plugin } from '#core';
import { challengePages } from './challenge-pages.ts';
import { enrolPages } from './enrol-pages.ts';
import { createMethods } from './methods.ts';
import { text } from './text.ts';

const challengePath = '/mfa/totp';
const enrolPath = '/account/totp/new';

/** Codes from an authenticator app as a second factor (RFC 6238). */
export const totp: Plugin = {
  manifest: { id: 'totp', title: text.title, summary: text.summary, whenOff: text.whenOff },
  setup(host: Host) {
    const methods = createMethods(host);
    const { list, remove } = methods;
    return {
      pages: () => [...enrolPages(host, methods, enrolPath), ...challengePages(host, methods, challengePath)],
      secondFactor: { id: 'totp', label: text.title, icon: 'device-mobile', challengePath, enrolPath, list, remove },
    };
  },
};
