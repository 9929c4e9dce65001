import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decrypt, encrypt } from '../../../core/system/age.ts';

const PASSPHRASE = 'twelve or more characters';
const LENGTHS = [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000];
const pattern = (length: number) => Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) % 256));
const sealed = (plain: Buffer) => buffer(encrypt(Readable.from(plain.length === 0 ? [] : [plain]), PASSPHRASE));
const opened = (encrypted: Buffer, passphrase = PASSPHRASE) => buffer(decrypt(Readable.from([encrypted]), passphrase));

describe('encryption under a passphrase', () => {
  let folder: string;
  let small: Buffer;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wiregui-age-'));
    small = await sealed(pattern(70_000));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** age asks at a terminal and nowhere else: script(1) is one. */
  function age(args: string): void {
    const typed = `${PASSPHRASE}\n${PASSPHRASE}\n`;
    execFileSync('script', ['--quiet', '--return', '--command', `age ${args}`, '/dev/null'], { input: typed, cwd: folder });
  }

  it.each(LENGTHS)('gives back %d bytes, however they come in', async (length) => {
    const plain = pattern(length);
    const encrypted = await sealed(plain);
    expect((await opened(encrypted)).equals(plain)).toBe(true);
    const inPieces = Readable.from([encrypted.subarray(0, 1), encrypted.subarray(1, 150), encrypted.subarray(150)]);
    expect((await buffer(decrypt(inPieces, PASSPHRASE))).equals(plain)).toBe(true);
  });

  it('is opened by the program age, and opens what that has encrypted', async () => {
    const plain = pattern(200_000);
    writeFileSync(join(folder, 'ours.age'), await sealed(plain));
    age('-d -o ours ours.age');
    expect(readFileSync(join(folder, 'ours')).equals(plain)).toBe(true);
    age('-p -o theirs.age ours');
    expect((await opened(readFileSync(join(folder, 'theirs.age')))).equals(plain)).toBe(true);
  });

  it('refuses a wrong passphrase', async () => {
    await expect(opened(small, 'another one altogether')).rejects.toMatchObject({ fields: { passphrase: ['does not open this archive'] } });
  });

  it('refuses what was cut off, at whatever byte', async () => {
    for (const length of [0, 10, 60, 150, 184, 185, 190, 200, 65_000, 65_736, 65_737, 65_752, small.length - 1])
      await expect(opened(small.subarray(0, length)), `${length}`).rejects.toMatchObject({ code: 'invalid_input' });
  });

  it('refuses a flipped bit, wherever it is', async () => {
    for (const at of [5, 30, 40, 55, 100, 140, 170, 190, 30_000, 65_740, small.length - 1]) {
      const spoiled = Buffer.from(small);
      spoiled[at] = (spoiled[at] ?? 0) ^ 1;
      await expect(opened(spoiled), `${at}`).rejects.toMatchObject({ code: 'invalid_input' });
    }
  });

  it('refuses more work than a small box can do', async () => {
    const costly = Buffer.from(small.toString('latin1').replace(/ 17\n/, ' 25\n'), 'latin1');
    await expect(opened(costly)).rejects.toThrow('more work');
  });
});
