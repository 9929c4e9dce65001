import { defineConfig } from 'vitest/config';

const shared = { server: { deps: { inline: ['drizzle-orm'] } }, testTimeout: 20_000, hookTimeout: 30_000 };

// What makes namespaces, browsers or processes runs alone, one file after the other: two cores are soon busy.
export default defineConfig({
  test: {
    projects: [
      { test: { ...shared, name: 'parts', include: ['test/{core,plugins,architecture}/**/*.test.ts'] } },
      {
        test: {
          ...shared,
          name: 'whole',
          include: ['test/{tunnel,browser,image}/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
