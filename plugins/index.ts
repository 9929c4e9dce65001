import type { Plugin } from '#core';
import { api } from './api/index.ts';
import { appliance } from './appliance/index.ts';
import { backup } from './backup/index.ts';
import { branding } from './branding/index.ts';
import { certificate } from './certificate/index.ts';
import { connectivity } from './connectivity/index.ts';
import { firewall } from './firewall/index.ts';
import { firezoneApi } from './firezone-api/index.ts';
import { magicLink } from './magic-link/index.ts';
import { mail } from './mail/index.ts';
import { metrics } from './metrics/index.ts';
import { oidc } from './oidc/index.ts';
import { saml } from './saml/index.ts';
import { totp } from './totp/index.ts';
import { traffic } from './traffic/index.ts';
import { webauthn } from './webauthn/index.ts';

/** Every plugin this box knows, in the order they start. */
export const plugins: readonly Plugin[] = [
  firewall,
  api,
  firezoneApi,
  branding,
  certificate,
  mail,
  magicLink,
  totp,
  webauthn,
  oidc,
  saml,
  traffic,
  connectivity,
  metrics,
  appliance,
  backup,
];
