import { type Host, originSlot, type Plugin } from '#core';
import { challengePages } from './challenge-pages.ts';
import { createCredentials } from './credentials.ts';
import { enrolPages } from './enrol-pages.ts';
import { METHOD, passkeyPages } from './passkey-pages.ts';
import { whyImpossible } from './relying-party.ts';
import { text } from './text.ts';

const challengePath = '/mfa/webauthn';
const enrolPath = '/account/webauthn/new';
const passkeyPath = '/login/passkey';

/** Security keys and passkeys: a second factor, and a way to sign in without a password (WebAuthn Level 3). */
export const webauthn: Plugin = {
  manifest: { id: 'webauthn', title: text.title, summary: text.summary, whenOff: text.whenOff },
  setup(host: Host) {
    const credentials = createCredentials(host);
    const { list, remove } = credentials;
    const isPossible = () => host.all(originSlot).every((origin) => whyImpossible(origin) === null);
    return {
      pages: () => [
        ...enrolPages(host, credentials, enrolPath),
        ...challengePages(host, credentials, challengePath),
        ...passkeyPages(host, credentials, passkeyPath),
      ],
      secondFactor: { id: 'webauthn', label: text.label, icon: 'key', challengePath, enrolPath, isPossible, list, remove },
      // Not before somebody could use it: what is offered here may stand in for passwords.
      signIn: async () => (isPossible() && (await credentials.exist()) ? [{ id: METHOD, label: text.passkey, path: passkeyPath, icon: 'fingerprint' }] : []),
    };
  },
};
