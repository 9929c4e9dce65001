import { z } from 'zod';

// What operations answer, in camel case as services know it; the API plugin spells it and describes it for callers.

const moment = z.iso.datetime();
const common = { id: z.uuid(), createdAt: moment, updatedAt: moment };

export const userAnswer = z.strictObject({
  ...common,
  email: z.string(),
  role: z.enum(['admin', 'unprivileged']),
  disabledAt: moment.nullable(),
  lastSignedInAt: moment.nullable(),
  lastSignedInMethod: z.string().nullable(),
  vpnSessionEndedAt: moment.nullable(),
  theme: z.enum(['auto', 'light', 'dark']),
  hasPassword: z.boolean(),
});

export const deviceAnswer = z.strictObject({
  ...common,
  userId: z.uuid(),
  userEmail: z.string(),
  name: z.string(),
  description: z.string(),
  publicKey: z.string(),
  ipv4: z.string().nullable(),
  ipv6: z.string().nullable(),
  allowedSubnets: z.array(z.string()),
  useDefaultEndpoint: z.boolean(),
  endpoint: z.string().nullable(),
  useDefaultDns: z.boolean(),
  dns: z.array(z.string()),
  useDefaultAllowedIps: z.boolean(),
  allowedIps: z.array(z.string()),
  useDefaultMtu: z.boolean(),
  mtu: z.int().nullable(),
  useDefaultPersistentKeepalive: z.boolean(),
  persistentKeepalive: z.int().nullable(),
  expiresAt: moment.nullable(),
  disabledAt: moment.nullable(),
  status: z.enum(['entitled', 'disabled', 'user-disabled', 'expired', 'session-expired', 'never-signed-in']),
  isOnline: z.boolean(),
  remoteIp: z.string().nullable(),
  rxBytes: z.int(),
  txBytes: z.int(),
  latestHandshake: moment.nullable(),
});

/** A device with its configuration: complete when the server made the key pair, with a slot for the private key otherwise. */
export const issuedAnswer = deviceAnswer.extend({ configuration: z.string() });

export const sessionAnswer = z.strictObject({
  id: z.uuid(),
  method: z.string().nullable(),
  secondFactorAt: moment.nullable(),
  ip: z.string().nullable(),
  userAgent: z.string().nullable(),
  createdAt: moment,
  lastSeenAt: moment,
  expiresAt: moment,
});

export const identityAnswer = z.strictObject({ ...common, provider: z.string(), issuer: z.string(), subject: z.string() });

/** `factor` is the kind: what the plugin that offers it is called. */
export const factorAnswer = z.strictObject({
  factor: z.string(),
  id: z.string(),
  name: z.string(),
  createdAt: moment,
  lastUsedAt: moment.nullable(),
});

export const codesLeftAnswer = z.strictObject({ left: z.int() });
export const codesAnswer = z.strictObject({ codes: z.array(z.string()) });

export const notificationAnswer = z.strictObject({
  ...common,
  severity: z.enum(['info', 'warning', 'error']),
  message: z.string(),
  about: z.string(),
  readAt: moment.nullable(),
});

export const auditAnswer = z.strictObject({
  seq: z.int(),
  at: moment,
  actorId: z.string().nullable(),
  actor: z.string(),
  via: z.enum(['page', 'api', 'cli', 'job']),
  action: z.string(),
  targetType: z.string(),
  targetId: z.string().nullable(),
  target: z.string(),
  changes: z.record(z.string(), z.unknown()),
  ip: z.string().nullable(),
  hash: z.string(),
});

export const pluginAnswer = z.strictObject({
  id: z.string(),
  title: z.string(),
  summary: z.string(),
  state: z.enum(['running', 'failed', 'off', 'safe-mode']),
  why: z.string().nullable(),
});

export const diagnosticsAnswer = z.strictObject({
  interface: z.string(),
  serverPublicKey: z.string(),
  state: z.enum(['off', 'pending', 'applied', 'failed']),
  why: z.string().nullable(),
  peers: z.array(
    z.strictObject({
      public_key: z.string(),
      endpoint: z.string().nullable(),
      allowed_ips: z.array(z.string()),
      latest_handshake: moment.nullable(),
      rx_bytes: z.int(),
      tx_bytes: z.int(),
    }),
  ),
  drift: z.array(z.strictObject({ at: moment, what: z.string() })),
  ruleset: z.string().nullable(),
});

export const changeAnswer = z.strictObject({ ...common, owner: z.string(), title: z.string(), actor: z.string(), expiresAt: moment });
