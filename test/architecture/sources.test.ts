import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { plugins } from '../../plugins/index.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const below = (folder: string, extension: string) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(extension))
    .map((file) => join(folder, file));
const sources = [...below('core', '.ts'), ...below('plugins', '.ts')];
const thatMatch = (pattern: RegExp, files = sources) => files.filter((file) => pattern.test(read(file)));

describe('the sources', () => {
  it('read the environment in one place', () => {
    expect(thatMatch(/process\.env/)).toEqual(['core/config.ts']);
  });

  it('take the time from the clock', () => {
    expect(thatMatch(/Date\.now\(|new Date\(\)/)).toEqual(['core/system/clock.ts', 'core/system/log.ts']);
  });

  it('await every query', () => {
    const drizzleSync = /\.(select|insert|update|delete)\([^;]*\)\s*\.(all|get|run)\(/;
    expect(thatMatch(drizzleSync)).toEqual([]);
  });

  it('put no script, style or event handler inline, and no raw value but what is known to be safe', () => {
    const views = below('views', '.eta');
    expect(thatMatch(/<script(?![^>]*src=)|<style|\son[a-z]+=|\sstyle=/, views)).toEqual([]);
    const raw = views
      .flatMap((file) => [...read(file).matchAll(/<%~\s*([^%]*?)\s*%>/g)].map(([, expression = '']) => expression))
      .filter((expression) => !expression.startsWith('include('));
    expect([...new Set(raw)].sort()).toEqual(['it.body', 'it.qr', 'shared']);
  });

  it('list every variable of the configuration in the README', () => {
    const names = [...read('core/config.ts').matchAll(/^ {2}(WG_[A-Z0-9_]+):/gm)].map(([, name = '']) => name);
    expect(names.length).toBeGreaterThan(15);
    for (const name of names) expect(read('README.md'), name).toContain(`\`${name}\``);
  });

  it('name the tables of a plugin after it', () => {
    for (const { manifest } of plugins) {
      const files = below(`plugins/${manifest.id}`, 'tables.ts');
      const tables = files.flatMap((file) => [...read(file).matchAll(/sqliteTable\(\s*'([^']+)'/g)].map(([, name = '']) => name));
      for (const table of tables) expect(table).toMatch(new RegExp(`^${manifest.id.replaceAll('-', '_')}_`));
    }
  });
});
