/** Does it to one after the other, as a transaction must, and to nothing twice. */
export async function each<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (const item of new Set(items)) results.push(await work(item));
  return results;
}
