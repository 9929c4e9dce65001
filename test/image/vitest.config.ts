import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// `npm run test:image`: one machine at a time, each a computer that is emulated instruction by instruction.
export default defineConfig({
  root: join(import.meta.dirname, '..', '..'),
  test: {
    include: ['test/image/**/*.boot.ts'],
    server: { deps: { inline: ['drizzle-orm'] } },
    fileParallelism: false,
    testTimeout: 1_800_000,
    hookTimeout: 1_800_000,
  },
});
