import { randomUUID } from 'node:crypto';
import { integer, text as sqliteText } from 'drizzle-orm/sqlite-core';
import type { Sealed } from '../system/secrets.ts';

// The column kinds every table is declared with. Names come from the keys (camelCase → snake_case).

export const text = <T extends string = string>() => sqliteText().$type<T>();

/** A whole number within ±2^53. */
export const whole = () => integer({ mode: 'number' });

export const flag = () => integer({ mode: 'boolean' });

/** A moment, stored as milliseconds since 1970 UTC. */
export const time = () => integer({ mode: 'timestamp_ms' });

/** A document, stored as JSON text. */
export const json = <T>() => sqliteText({ mode: 'json' }).$type<T>();

/** Text encrypted by `Secrets.seal` before it gets here. */
export const secret = () => sqliteText().$type<Sealed>();

/** The columns common to all tables. `now` is given by the caller's clock on insert and update. */
export const common = <Id extends string>() => ({
  id: sqliteText()
    .$type<Id>()
    .primaryKey()
    .$defaultFn(() => randomUUID() as string as Id),
  createdAt: time().notNull(),
  updatedAt: time().notNull(),
});
