/** Tries until `check` answers true, at most `withinMs`; answers how long it took. Throws when the time is over. */
export async function until(what: string, check: () => Promise<boolean> | boolean, withinMs = 5_000): Promise<number> {
  const start = performance.now();
  for (;;) {
    if (await check()) return performance.now() - start;
    if (performance.now() - start > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
