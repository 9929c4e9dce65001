// Builds `dist/`: the service and command line (tsup), the views compiled to functions, and the fingerprinted assets.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build as bundle } from 'esbuild';
import { Eta } from 'eta';
import { PurgeCSS } from 'purgecss';
import { build as tsup } from 'tsup';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');

/** Files of packages that pages load as they are. */
const VENDOR = {
  'vendor/htmx.js': 'node_modules/htmx.org/dist/htmx.min.js',
  'vendor/uplot.css': 'node_modules/uplot/dist/uPlot.min.css',
};

rmSync(dist, { recursive: true, force: true });
mkdirSync(join(dist, 'static'), { recursive: true });
const views = await compileViews();
await Promise.all([buildAssets(views), tsup({ config: join(root, 'tsup.config.ts'), silent: true })]);

/** `views/<owner>/**.eta` → `dist/views.js`, so that production needs no code generation. Answers the sources by name. */
async function compileViews() {
  const eta = new Eta({ varName: 'it', autoEscape: true });
  const sources = new Map(
    filesBelow(join(root, 'views'), '.eta').map((file) => [relative(join(root, 'views'), file).slice(0, -'.eta'.length), readFileSync(file, 'utf8')]),
  );
  const functions = [...sources].map(([name, source]) => {
    try {
      const body = eta.compileToString(source);
      new Function('it', 'options', body);
      return `${JSON.stringify(name)}: function (it, options) {${body}}`;
    } catch (error) {
      throw new Error(`views/${name}.eta: ${error.message}`);
    }
  });
  writeFileSync(join(dist, 'views.js'), `export const views = {\n${functions.join(',\n')}\n};\n`);
  return sources;
}

/** Everything the browser loads, under names that carry their content's hash, with `manifest.json` to find them. */
async function buildAssets(sources) {
  const manifest = {};
  const emit = (name, content) => {
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 10);
    const file = name.replace(/(\.[a-z0-9]+)$/, `.${hash}$1`);
    const path = join(dist, 'static', file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    if (/\.(css|js|svg|json|txt)$/.test(file)) compress(path, content);
    manifest[name] = `/static/${file}`;
  };
  for (const [name, file] of Object.entries(VENDOR)) emit(name, withoutSourceMap(readFileSync(join(root, file))));
  emit('vendor/tabler.css', await prune(readFileSync(join(root, 'node_modules/@tabler/core/dist/css/tabler.min.css'), 'utf8'), sources));
  for (const file of filesBelow(join(root, 'static'))) {
    const name = relative(join(root, 'static'), file);
    if (extname(file) === '.js') emit(name, await bundleModule(file));
    else if (basename(file) !== 'icons.txt') emit(name, readFileSync(file));
  }
  emit('core/icons.svg', iconSprite(sources));
  writeFileSync(join(dist, 'static', 'manifest.json'), JSON.stringify(manifest, null, 2));
}

async function bundleModule(entry) {
  const { outputFiles } = await bundle({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    platform: 'browser',
    legalComments: 'none',
  });
  return Buffer.from(outputFiles[0].contents);
}

/** Tabler brings 600 kB of rules; those whose classes no page names are left out. */
async function prune(css, sources) {
  const scripts = filesBelow(join(root, 'static'), '.js').map((file) => ({ raw: readFileSync(file, 'utf8'), extension: 'js' }));
  const content = [...[...sources.values()].map((raw) => ({ raw, extension: 'html' })), ...scripts];
  const [result] = await new PurgeCSS().purge({
    content,
    css: [{ raw: css }],
    variables: true,
    keyframes: true,
    fontFace: true,
    safelist: { standard: ['html', 'body', 'show', 'open'], greedy: [/data-bs-theme/] },
  });
  return Buffer.from(result.css.replace(/\/\*# sourceMappingURL.*?\*\//, ''));
}

/** One SVG with a symbol for every icon that the views (`icon: 'name'`) and the navigation name. */
function iconSprite(sources) {
  const code = [...filesBelow(join(root, 'core'), '.ts'), ...filesBelow(join(root, 'plugins'), '.ts')].map((file) => readFileSync(file, 'utf8'));
  const names = new Set([...sources.values(), ...code].flatMap((text) => [...text.matchAll(/\bicon: '([a-z0-9-]+)'/g)].map(([, name]) => name)));
  const symbols = [...names].sort().map((name) => {
    const file = join(root, 'node_modules/@tabler/icons/icons/outline', `${name}.svg`);
    if (!existsSync(file)) throw new Error(`there is no icon named ${name}`);
    const [, inner] = /<svg[^>]*>([\s\S]*)<\/svg>/.exec(readFileSync(file, 'utf8'));
    return `<symbol id="${name}" viewBox="0 0 24 24">${inner.trim()}</symbol>`;
  });
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg">${symbols.join('')}</svg>`);
}

function compress(path, content) {
  writeFileSync(`${path}.br`, brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }));
  writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
}

function withoutSourceMap(content) {
  return Buffer.from(content.toString('utf8').replace(/\n\/\/# sourceMappingURL=.*/, ''));
}

function filesBelow(directory, extension = '') {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
