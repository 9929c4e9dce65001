import { and, asc, desc, isNotNull, isNull, or, type SQL, sql } from 'drizzle-orm';
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core';
import { InvalidInput } from '../errors.ts';
import { en } from '../text/en.ts';

type Value = string | number | null;

/** One term of an order, and how to read it from an item. Null comes before everything, as in SQLite. */
export interface Term<Item> {
  readonly by: SQLiteColumn | SQL;
  readonly of: (item: Item) => string | number | boolean | Date | null;
  readonly isDescending?: boolean;
}

/** What of a long list is wanted: so many after the cursor, or after the offset. */
export interface Page {
  readonly limit: number;
  readonly offset?: number | undefined;
  readonly cursor?: string | undefined;
}

/** A part of a list, how long it is as a whole, and the cursor of what follows; null at the end. */
export interface Listed<T> {
  readonly items: readonly T[];
  readonly total: number;
  readonly next: string | null;
}

/** The terms for ORDER BY; the last one must tell any two items apart. */
export function orderOf<Item>(order: readonly Term<Item>[]): SQL[] {
  return order.map(({ by, isDescending }) => (isDescending ? desc(by) : asc(by)));
}

/** What comes after the cursor in this order; nothing is skipped or doubled when items come and go. Throws InvalidInput. */
export function after<Item>(order: readonly Term<Item>[], cursor: string | undefined): SQL | undefined {
  if (cursor === undefined) return undefined;
  const key = decode(cursor, order.length);
  const alternatives = order.map((term, index) =>
    and(...order.slice(0, index).map((earlier, place) => isEqual(earlier, key[place] ?? null)), isBeyond(term, key[index] ?? null)),
  );
  return or(...alternatives);
}

/** Of one item more than was asked for, the page and the cursor of the rest. */
export function pageOf<Item>(order: readonly Term<Item>[], found: readonly Item[], limit: number): Pick<Listed<Item>, 'items' | 'next'> {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, next: found.length > limit && last !== undefined ? encode(order.map(({ of }) => plain(of(last)))) : null };
}

function isEqual<Item>({ by }: Term<Item>, value: Value): SQL {
  return value === null ? isNull(by as SQLiteColumn) : sql`${by} = ${value}`;
}

function isBeyond<Item>({ by, isDescending = false }: Term<Item>, value: Value): SQL | undefined {
  if (value === null) return isDescending ? sql`1 = 0` : isNotNull(by as SQLiteColumn);
  return isDescending ? or(sql`${by} < ${value}`, isNull(by as SQLiteColumn)) : sql`${by} > ${value}`;
}

function plain(value: string | number | boolean | Date | null): Value {
  if (value instanceof Date) return value.getTime();
  return typeof value === 'boolean' ? Number(value) : value;
}

function encode(key: readonly Value[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

function decode(cursor: string, length: number): readonly Value[] {
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const isKey = Array.isArray(key) && key.length === length && key.every((value) => value === null || typeof value === 'string' || Number.isFinite(value));
    if (isKey) return key;
  } catch {
    // Answered below, like any other text that is no cursor.
  }
  throw new InvalidInput({ cursor: [en.validation.cursor] });
}
