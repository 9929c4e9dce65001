import { defineConfig } from 'tsup';

// drizzle-orm unbundled costs 400 ms and 200 MB at start; native packages cannot be bundled.
export default defineConfig({
  entry: { main: 'core/main.ts', cli: 'core/cli.ts' },
  format: 'esm',
  target: 'node24',
  platform: 'node',
  outDir: 'dist',
  clean: false,
  sourcemap: true,
  splitting: true,
  dts: false,
  noExternal: [/^(?!better-sqlite3$|@node-rs\/argon2$)/],
  external: ['better-sqlite3', '@node-rs/argon2'],
  // depd makes functions from text, which production forbids; its build for browsers only leaves out the warnings.
  esbuildOptions: (options) => {
    options.alias = { depd: 'depd/lib/browser/index.js' };
  },
  // Half the size is half the memory that parsing it takes.
  minify: true,
  keepNames: true,
  esbuildPlugins: [
    {
      name: 'english-only',
      // zod brings its messages in forty languages.
      setup: (build) =>
        build.onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
          contents: "export { default as en } from './en.js';",
          resolveDir: 'node_modules/zod/v4/locales',
        })),
    },
  ],
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
});
