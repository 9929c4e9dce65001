import { index, sqliteTable, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { users } from '../accounts/tables.ts';
import { common, flag, json, secret, text, time, whole } from '../db/columns.ts';
import type { Cidr, DeviceId, PublicKey, UserId } from '../net/inputs.ts';

export const devices = sqliteTable(
  'devices',
  {
    ...common<DeviceId>(),
    userId: text<UserId>()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    name: text().notNull(),
    description: text().notNull().default(''),
    publicKey: text<PublicKey>().notNull(),
    presharedKey: secret().notNull(),
    ipv4: text(),
    ipv6: text(),
    allowedSubnets: json<readonly Cidr[]>().notNull().default([]),
    useDefaultEndpoint: flag().notNull().default(true),
    endpoint: text(),
    useDefaultDns: flag().notNull().default(true),
    dns: json<readonly string[]>().notNull().default([]),
    useDefaultAllowedIps: flag().notNull().default(true),
    allowedIps: json<readonly Cidr[]>().notNull().default([]),
    useDefaultMtu: flag().notNull().default(true),
    mtu: whole(),
    useDefaultPersistentKeepalive: flag().notNull().default(true),
    persistentKeepalive: whole(),
    expiresAt: time(),
    disabledAt: time(),
    /** Who paused it: an owner cannot resume what an admin has paused. */
    disabledBy: text<'owner' | 'admin'>(),
    remoteIp: text(),
    rxBytes: whole().notNull().default(0),
    txBytes: whole().notNull().default(0),
    latestHandshake: time(),
  },
  (table) => [
    uniqueIndex('devices_user_name').on(table.userId, table.name),
    uniqueIndex('devices_public_key').on(table.publicKey),
    uniqueIndex('devices_ipv4').on(table.ipv4),
    uniqueIndex('devices_ipv6').on(table.ipv6),
    index('devices_name').on(table.name),
  ],
);
