/** Lets whatever else is due have its turn: awaited queries alone never do, for SQLite answers at once. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
