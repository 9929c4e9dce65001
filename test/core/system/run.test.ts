import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { run } from '../../../core/system/run.ts';

describe('running a program', () => {
  it('hands over standard input so that it can be opened again as a file', async () => {
    expect((await run(['cat', '/dev/stdin'], { stdin: 'secret\n' })).stdout).toBe('secret\n');
  });

  it('never goes through a shell', async () => {
    expect((await run(['echo', '$(id); `id` | id > /dev/null'])).stdout).toBe('$(id); `id` | id > /dev/null\n');
  });

  it('says which program is missing', async () => {
    await expect(run(['no-such-program'])).rejects.toMatchObject({ code: 'unavailable', message: 'no-such-program is not installed on this machine' });
  });

  it('ends what outlives its deadline', async () => {
    await expect(run(['sleep', '30'], { deadlineMs: 50 })).rejects.toThrow('did not end within 50 ms');
  });

  it('passes on what the program said when it fails', async () => {
    await expect(run(['ls', '/no-such-folder'])).rejects.toThrow(/ls \/no-such-folder answered 2: .*No such file/);
    expect((await run(['false'], { acceptedExitCodes: [0, 1] })).exitCode).toBe(1);
  });

  it('gives it none of our environment', async () => {
    process.env['WIREGUI_TEST_SECRET'] = 'x';
    expect((await run(['env'])).stdout).not.toContain('WIREGUI_TEST_SECRET');
  });

  it('starts one program in a turn, so that others have theirs in between', async () => {
    const startedIn: number[] = [];
    let turn = 0;
    const noteStart = () => void startedIn.push(turn);
    subscribe('child_process', noteStart);
    let isOver = false;
    setImmediate(function next() {
      turn += 1;
      if (!isOver) setImmediate(next);
    });
    await Promise.all([run(['true']), run(['true']), run(['true'])]);
    isOver = true;
    unsubscribe('child_process', noteStart);
    expect([startedIn.length, new Set(startedIn).size]).toEqual([3, 3]);
  });
});
