import { defineConfig } from 'drizzle-kit';

// `npm run migrations -- core` or a plugin's id: writes what its tables have changed since its last migration.
const owner = process.env['OWNER'] ?? 'core';

export default defineConfig({
  dialect: 'sqlite',
  casing: 'snake_case',
  schema: owner === 'core' ? './core/*/tables.ts' : `./plugins/${owner}/tables.ts`,
  out: `./migrations/${owner}`,
});
