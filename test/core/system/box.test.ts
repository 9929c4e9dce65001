import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Box, findBox } from '../../../core/system/box.ts';
import { until } from '../../support/wait.ts';

describe('the door to the box', () => {
  let folder: string;
  let box: Box;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'wiregui-door-'));
    for (const name of ['requests', 'answers', 'cache']) mkdirSync(join(folder, name));
    const found = findBox({ boxDirectory: folder, cacheDirectory: join(folder, 'cache') });
    if (found === null) throw new Error('there is no box');
    box = found;
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const requests = () => readdirSync(join(folder, 'requests'));

  /** As the box sees it: what has its whole name. */
  async function asked(): Promise<string> {
    await until('it has asked', () => requests().some((name) => name.startsWith('name.')));
    return requests().find((name) => name.startsWith('name.')) ?? '';
  }

  it('is there only where the folder of requests is, and one for what is large', () => {
    expect(findBox({ boxDirectory: join(folder, 'elsewhere'), cacheDirectory: folder })).toBeNull();
    expect(findBox({ boxDirectory: folder, cacheDirectory: undefined })).toBeNull();
  });

  it('asks for nothing that nobody waits for any more', async () => {
    await expect(box.request('reboot', '', { deadlineMs: 50 })).rejects.toMatchObject({ code: 'unavailable' });
    expect(requests()).toEqual([]);
    rmSync(join(folder, 'requests'), { recursive: true });
    await expect(box.request('reboot')).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('writes a request whole, for root and itself alone, and takes the answer when it is at its end', async () => {
    const seen: (readonly string[])[] = [];
    const answer = box.request('name', 'office', { onLines: (lines) => seen.push(lines) });
    const file = await asked();
    expect([file, statSync(join(folder, 'requests', file)).mode & 0o777, readFileSync(join(folder, 'requests', file), 'utf8')]).toEqual([
      expect.stringMatching(/^name\.[0-9a-f-]{36}$/),
      0o600,
      'office',
    ]);
    const place = join(folder, 'answers', file.slice('name.'.length));
    writeFileSync(place, 'one\ndo');
    await until('a line has come', () => seen.length > 0);
    writeFileSync(place, 'one\ndone not yet\n');
    await until('two lines have come', () => seen.at(-1)?.length === 2);
    writeFileSync(place, 'one\ntwo\ndone\n');
    expect(await answer).toEqual(['one', 'two']);
  });

  it('passes on why it was refused', async () => {
    const answer = box.request('name', 'x');
    writeFileSync(join(folder, 'answers', (await asked()).slice('name.'.length)), 'no name\nfailed\n');
    await expect(answer).rejects.toMatchObject({ code: 'conflict', message: 'no name' });
  });
});
