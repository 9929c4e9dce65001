import { primaryKey, sqliteTable } from 'drizzle-orm/sqlite-core';
import { type DeviceId, text, time, whole } from '#core';

/** What was moved in a span of time, counted by this box: received from devices, and sent to them. */
const bucket = () => ({
  /** Seconds. */
  span: whole().notNull(),
  startsAt: time().notNull(),
  rxBytes: whole().notNull(),
  txBytes: whole().notNull(),
});

/**
 * In the order of time, so that a poll writes a few pages that lie side by side, however many devices there are. There is no
 * foreign key: without an index that begins with the device, deleting one would read the whole table.
 */
export const deviceTraffic = sqliteTable('traffic_devices', { ...bucket(), deviceId: text<DeviceId>().notNull() }, (table) => [
  primaryKey({ columns: [table.span, table.startsAt, table.deviceId] }),
]);

/** Of the whole box: what it moved for devices that are gone stays. */
export const boxTraffic = sqliteTable('traffic_box', bucket(), (table) => [primaryKey({ columns: [table.span, table.startsAt] })]);
