// How the service's Node is started, wherever it is started: `npm start`, tests, benchmarks, units.

/** No code from text, and a heap that fits a small box: `npm run bench` says 105 MB instead of 150 for a fifth of the requests. */
export const NODE_FLAGS = ['--disallow-code-generation-from-strings', '--max-semi-space-size=1', '--optimize-for-size'];

/** One heap for all threads: password hashing otherwise leaves 19 MiB in each (mallopt(3)). */
export const NODE_ENVIRONMENT = { MALLOC_ARENA_MAX: '1' };
