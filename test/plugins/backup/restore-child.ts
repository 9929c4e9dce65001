import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

// Restores an archive, and ends as by a power cut before the n-th change to the disk: `archive folder migrations n`.
const [archive = '', folder = '', migrations = '', step = ''] = process.argv.slice(2);
let left = Number(step);
const { restore } = await import('../../../core/db/backup.ts');
for (const name of ['copyFileSync', 'chmodSync', 'renameSync', 'rmSync', 'fsyncSync', 'mkdirSync'] as const) {
  const original = fs[name] as (...args: unknown[]) => unknown;
  (fs as unknown as Record<string, unknown>)[name] = (...args: unknown[]) => {
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
    return original(...args);
  };
}
syncBuiltinESMExports();
await restore(archive, folder, migrations);
