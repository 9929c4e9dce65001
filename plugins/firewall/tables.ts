import { index, sqliteTable } from 'drizzle-orm/sqlite-core';
import { type Cidr, common, flag, text, type UserId, users, whole } from '#core';

export type Action = 'accept' | 'drop';
export type Protocol = 'any' | 'tcp' | 'udp' | 'icmp';

const ofUser = () => text<UserId>().references(() => users.id, { onDelete: 'cascade' });

export const rules = sqliteTable(
  'firewall_rules',
  {
    ...common<string>(),
    action: text<Action>().notNull(),
    /** Null: anywhere, over both families. */
    destination: text<Cidr>(),
    protocol: text<Protocol>().notNull(),
    /** `80` or `1000-2000`; null: every port. */
    portRange: text(),
    /** Null: everyone. */
    userId: ofUser(),
    priority: whole().notNull(),
    enabled: flag().notNull(),
    comment: text().notNull(),
  },
  (table) => [index('firewall_rules_order').on(table.userId, table.priority, table.createdAt)],
);

export const assertions = sqliteTable('firewall_assertions', {
  ...common<string>(),
  expectation: text<'reach' | 'not-reach'>().notNull(),
  /** Null: everyone. */
  userId: ofUser(),
  destination: text<Cidr>().notNull(),
  protocol: text<Protocol>().notNull(),
  portRange: text(),
  comment: text().notNull(),
});
