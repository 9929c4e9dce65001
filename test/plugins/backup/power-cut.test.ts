import { spawnSync } from 'node:child_process';
import { cpSync, createWriteStream, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { finishRestore, removeLeftovers, restore, writeBackup } from '../../../core/db/backup.ts';
import { programPaths } from '../../../core/system/paths.ts';
import { createTestApp } from '../../support/app.ts';

const MOST_STEPS = 60;

it('a restore that is cut off before any change to the disk leaves the old box or the new one, and nothing between', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wiregui-cut-'));
  const { migrations } = programPaths();
  const [archive, before] = [join(folder, 'backup.tar.gz'), join(folder, 'before')];
  await using old = await createTestApp({ plugins: [], dataDirectory: mkdtempSync(join(folder, 'old-')) });
  await writeBackup(old.dataDirectory, createWriteStream(join(folder, 'old.tar.gz')));
  await restore(join(folder, 'old.tar.gz'), before, migrations);
  for (const name of readdirSync(before)) if (name.endsWith('.before-restore')) rmSync(join(before, name));
  await using other = await createTestApp({ plugins: [] });
  await (await other.signedIn()).post('/devices', { name: 'Theirs' });
  await writeBackup(other.dataDirectory, createWriteStream(archive));
  const [oldKey, newKey] = [before, other.dataDirectory].map((place) => readFileSync(join(place, 'secret.key'), 'utf8'));

  const seen = new Set<string>();
  for (let step = 1; step <= MOST_STEPS; step += 1) {
    const box = join(folder, `box-${step}`);
    cpSync(before, box, { recursive: true });
    const { signal } = spawnSync(process.execPath, [join(import.meta.dirname, 'restore-child.ts'), archive, box, migrations, String(step)]);
    // As the service does when it starts again.
    removeLeftovers(box);
    finishRestore(box);
    const key = readFileSync(join(box, 'secret.key'), 'utf8');
    const state = key === newKey ? 'new' : 'old';
    expect([oldKey, newKey]).toContain(key);
    expect(readdirSync(box).filter((name) => /^restore-|^backup-/.test(name))).toEqual([]);
    const database = new Database(join(box, 'wiregui.db'), { readonly: true });
    const devices = database.prepare('SELECT count(*) FROM devices').pluck().get();
    database.close();
    expect([step, state, devices]).toEqual([step, state, state === 'new' ? 1 : 0]);
    if (state === 'new') expect(readFileSync(`${join(box, 'secret.key')}.before-restore`, 'utf8')).toBe(oldKey);
    expect(existsSync(join(box, 'wiregui.db.before-restore'))).toBe(state === 'new');
    seen.add(`${state} ${signal === null ? 'whole' : 'cut'}`);
    if (signal === null) break;
  }
  expect([...seen].sort()).toEqual(['new cut', 'new whole', 'old cut']);
  rmSync(folder, { recursive: true });
}, 120_000);
