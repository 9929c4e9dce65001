import { randomUUID } from 'node:crypto';
import { createWriteStream, existsSync, watch } from 'node:fs';
import { readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Config } from '../config.ts';
import { Conflict, TooLarge, Unavailable } from '../errors.ts';
import { en } from '../text/en.ts';

/** The box around the service, whose root side does what the service may not: only what it knows by name (image/README.md). */
export interface Box {
  /**
   * Resolves with the lines that the box printed. Throws Conflict with its words when it refuses, Unavailable when it does not
   * answer in time.
   */
  request(verb: string, content?: string, options?: BoxRequestOptions): Promise<readonly string[]>;
  /** Keeps a bundle where the box looks for one; never more than fits. Throws TooLarge, and then keeps nothing. */
  keepBundle(body: AsyncIterable<Buffer>, onBytes?: (bytes: number) => void): Promise<void>;
  forgetBundle(): Promise<void>;
}

export interface BoxRequestOptions {
  /** 20 s when absent. */
  readonly deadlineMs?: number;
  /** Called with what has been printed so far, whenever there is more. */
  readonly onLines?: (lines: readonly string[]) => void;
}

const DEADLINE_MS = 20_000;
const LARGEST_BUNDLE_BYTES = 1_073_741_824;
/** What a full disk needs to go on working. */
const RESERVE_BYTES = 67_108_864;

/** Null on a machine that is no appliance. */
export function findBox({ boxDirectory, cacheDirectory }: Pick<Config, 'boxDirectory' | 'cacheDirectory'>): Box | null {
  if (cacheDirectory === undefined || !existsSync(join(boxDirectory, 'requests'))) return null;
  const answers = join(boxDirectory, 'answers');
  const requests = join(boxDirectory, 'requests');
  const bundle = join(cacheDirectory, 'update.raucb');

  return {
    async request(verb, content = '', { deadlineMs = DEADLINE_MS, onLines = () => {} } = {}) {
      const id = randomUUID();
      const [draft, place] = [join(requests, `.${id}`), join(requests, `${verb}.${id}`)];
      const answer = follow(answers, id, AbortSignal.timeout(deadlineMs), onLines);
      try {
        await writeFile(draft, content, { mode: 0o600, flag: 'wx' });
        // The box takes what has its name, whole.
        await rename(draft, place);
      } catch (cause) {
        answer.stop();
        throw new Unavailable(en.box.unreachable, { cause });
      }
      try {
        return await answer.lines;
      } catch (error) {
        // What nobody waits for any more must not be done later.
        if (error instanceof Unavailable) await rm(place, { force: true });
        throw error;
      }
    },

    async keepBundle(body, onBytes = () => {}) {
      const { bavail, bsize } = await statfs(cacheDirectory);
      const limit = Math.min(LARGEST_BUNDLE_BYTES, bavail * bsize - RESERVE_BYTES);
      await rm(bundle, { force: true });
      try {
        await pipeline(Readable.from(within(body, limit, onBytes)), createWriteStream(`${bundle}.new`, { mode: 0o600 }));
        await rename(`${bundle}.new`, bundle);
      } catch (error) {
        await rm(`${bundle}.new`, { force: true });
        throw error;
      }
    },

    forgetBundle: () => rm(bundle, { force: true }),
  };
}

/** Looks at the answer whenever it changes, until its last line says that it is over. */
function follow(folder: string, id: string, deadline: AbortSignal, onLines: (lines: readonly string[]) => void) {
  const { promise: lines, resolve, reject } = Promise.withResolvers<readonly string[]>();
  const watcher = watch(folder, { persistent: false }, (_, name) => {
    if (name === id) void look();
  });
  watcher.on('error', (cause) => reject(new Unavailable(en.box.unreachable, { cause })));
  const giveUp = () => reject(new Unavailable(en.box.silent));
  deadline.addEventListener('abort', giveUp);
  const stop = () => {
    watcher.close();
    deadline.removeEventListener('abort', giveUp);
  };
  lines.then(stop, stop);
  return { lines, stop };

  async function look(): Promise<void> {
    const text = await readFile(join(folder, id), 'utf8').catch(() => '');
    const printed = text.split('\n').slice(0, -1);
    const last = printed.at(-1);
    if (last === 'done') resolve(printed.slice(0, -1));
    else if (last === 'failed') reject(new Conflict(printed.slice(0, -1).join('\n').trim() || en.box.refused));
    else onLines(printed);
  }
}

async function* within(body: AsyncIterable<Buffer>, limit: number, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > limit) throw new TooLarge(en.box.tooLarge(Math.max(0, limit)));
    onBytes(bytes);
    yield chunk;
  }
}
