import { z } from 'zod';
import { line } from '../parse.ts';

/** How callers ask for a part of a list. */
export const paging = {
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().min(1).max(2_000).optional(),
  q: line(0, 200).optional(),
};

/** `email` or `-email`, of the columns given. */
export const sortBy = (columns: readonly string[]) => z.enum(columns.flatMap((column) => [column, `-${column}`]) as [string, ...string[]]).optional();
