import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the program's own files are. */
export interface Paths {
  readonly root: string;
  readonly migrations: string;
  /** The compiled views, one module. */
  readonly views: string;
  readonly assets: string;
}

/** Found from this module's place, whether it runs from the sources or from the bundle. */
export function programPaths(): Paths {
  let root = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(root, 'package.json')) && dirname(root) !== root) root = dirname(root);
  return { root, migrations: join(root, 'migrations'), views: join(root, 'dist', 'views.js'), assets: join(root, 'dist', 'static') };
}
