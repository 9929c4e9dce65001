import { z } from 'zod';
import { InvalidInput, type Operation, type OperationAnswer, paging } from '#core';
import { text } from './text.ts';

const query = z.strictObject(paging);

/** What may be asked of an operation; of a list without questions of its own, a part and a search. */
export function queryOf(operation: Operation): z.ZodObject | undefined {
  return operation.query ?? (operation.isList ? query : undefined);
}

/** The part that was asked for of a list which its operation answers as a whole: it is short. */
export function partOf({ query: own, isList }: Operation, answer: OperationAnswer, asked: Readonly<Record<string, unknown>>): OperationAnswer {
  if (own !== undefined || !isList) return answer;
  const { limit, cursor, q = '' } = asked as z.output<typeof query>;
  const items = (answer.body as readonly object[]).filter((item) => mentions(item, q.toLowerCase()));
  const from = cursor === undefined ? 0 : placeOf(items, cursor);
  const end = from + limit;
  return { body: items.slice(from, end), total: items.length, next: end < items.length ? cursorAt(items, end) : null };
}

function mentions(item: object, q: string): boolean {
  return Object.values(item).some((value) => typeof value === 'string' && value.toLowerCase().includes(q));
}

// Names the item to begin with: those before it may go meanwhile.
function cursorAt(items: readonly object[], place: number): string {
  return Buffer.from(JSON.stringify([place, idOf(items[place])])).toString('base64url');
}

function placeOf(items: readonly object[], cursor: string): number {
  const [place, id] = decode(cursor);
  const found = items.findIndex((item) => idOf(item) === id);
  return found >= 0 ? found : place;
}

function idOf(item: object | undefined): string | null {
  return item !== undefined && 'id' in item && typeof item.id === 'string' ? item.id : null;
}

const KEY = z.tuple([z.int().min(0), z.string().nullable()]);

function decode(cursor: string): z.output<typeof KEY> {
  try {
    return KEY.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch (cause) {
    throw new InvalidInput({ cursor: [text.badCursor] }, { cause });
  }
}
