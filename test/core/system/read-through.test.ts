import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { expect, it } from 'vitest';
import { readThrough } from '../../../core/system/read-through.ts';

const large = () => Readable.from(Array.from({ length: 100 }, () => Buffer.alloc(65_536)));

it('what is read through comes whole', async () => {
  expect((await readThrough(large(), buffer)).length).toBe(6_553_600);
});

it('what somebody stops reading, or never begins, passes to its end all the same', async () => {
  for (const read of [
    async (stream: Readable) => {
      for await (const _ of stream) throw new Error('enough');
    },
    async () => {
      throw new Error('enough');
    },
  ]) {
    const source = large();
    await expect(readThrough(source, read)).rejects.toThrow('enough');
    await finished(source);
    expect(source.readableEnded).toBe(true);
  }
});

it('what breaks off breaks off for whoever reads, and harms nobody when nobody does', async () => {
  const broken = new PassThrough();
  const reading = readThrough(broken, buffer);
  broken.write('x');
  broken.destroy(new Error('gone'));
  await expect(reading).rejects.toThrow('gone');
  const late = new PassThrough();
  await expect(readThrough(late, async () => Promise.reject(new Error('enough')))).rejects.toThrow('enough');
  late.destroy(new Error('gone'));
  await new Promise((resolve) => setImmediate(resolve));
});
