import type { Readable } from 'node:stream';
import { z } from 'zod';
import {
  type Actor,
  authorize,
  type Box,
  Conflict,
  createWebDownload,
  type Host,
  InvalidInput,
  messageOf,
  NotFound,
  parse,
  readThrough,
  TooLarge,
} from '#core';
import { type FindBox, jsonOf, theBox, valuesOf } from './box.ts';
import { text } from './text.ts';

export const fetchInput = z.strictObject({ url: z.url({ protocol: /^https?$/, error: text.update.notUrl }).max(2_000) });
export const installInput = z.strictObject({ allowOlder: z.boolean().default(false) });

/** Where an update is on its way onto the box. */
export interface UpdateState {
  readonly kind: 'none' | 'receiving' | 'ready' | 'installing' | 'installed' | 'failed';
  /** Of the bundle, once its signature has been found good. */
  readonly version: string | null;
  readonly build: string | null;
  readonly notes: string | null;
  readonly isOlder: boolean;
  readonly bytes: number;
  readonly percent: number;
  readonly problem: string | null;
}

export interface Updates {
  state(actor: Actor): Promise<UpdateState>;
  /** Keeps a bundle that somebody brings. Throws InvalidInput when it does not fit, or is none that this box trusts. */
  receive(actor: Actor, body: Readable): Promise<void>;
  /** Begins to fetch one; `state` tells how it goes. */
  fetch(actor: Actor, input: unknown): Promise<void>;
  /** Begins to write it into the slot that does not run. */
  install(actor: Actor, input: unknown): Promise<void>;
  discard(actor: Actor): Promise<void>;
  stop(): void;
}

export const LARGEST_BYTES = 1_073_741_824;
const NOTHING: UpdateState = { kind: 'none', version: null, build: null, notes: null, isOlder: false, bytes: 0, percent: 0, problem: null };
const HOUR_MS = 3_600_000;
const CHECK_MS = 90_000;

export function createUpdates({ db, audit, log }: Pick<Host, 'db' | 'audit' | 'log'>, find: FindBox): Updates {
  const download = createWebDownload({ deadlineMs: HOUR_MS });
  const stopping = new AbortController();
  let now: UpdateState = NOTHING;

  function begin(actor: Actor): Box {
    authorize(actor, 'system.manage');
    const box = theBox(find);
    if (now.kind === 'receiving' || now.kind === 'installing') throw new Conflict(text.update.busy);
    return box;
  }

  async function record(actor: Actor, action: string, changes: Readonly<Record<string, unknown>>): Promise<void> {
    await db.transaction((tx) => audit.record(tx, actor, { action, target: { type: 'system', id: 'box', name: text.box }, changes }));
  }

  /** Asks the box what the bundle is; one that it does not trust is not kept. */
  async function inspect(box: Box): Promise<UpdateState> {
    try {
      const values = valuesOf(await box.request('bundle', '', { deadlineMs: CHECK_MS }));
      if (values.size === 0) return NOTHING;
      const info = bundleInfo.parse(jsonOf(values.get('info') ?? ''));
      return {
        ...NOTHING,
        kind: 'ready',
        version: info.version,
        build: info.build ?? null,
        notes: info.description ?? null,
        isOlder: values.get('older') === 'yes',
      };
    } catch (error) {
      if (!(error instanceof Conflict) && !(error instanceof z.ZodError)) throw error;
      await box.forgetBundle();
      throw new InvalidInput({ bundle: [reasonOf(messageOf(error))] }, { cause: error });
    }
  }

  async function keep(box: Box, body: AsyncIterable<Buffer>): Promise<void> {
    now = { ...NOTHING, kind: 'receiving' };
    try {
      await box.keepBundle(body, (bytes) => {
        now = { ...now, bytes };
      });
      now = await inspect(box);
    } catch (error) {
      now = NOTHING;
      throw error instanceof TooLarge ? new InvalidInput({ bundle: [error.message] }, { cause: error }) : error;
    }
  }

  async function write(box: Box, ready: UpdateState, allowOlder: boolean): Promise<void> {
    now = { ...ready, kind: 'installing' };
    const onLines = (lines: readonly string[]) => {
      now = { ...now, percent: percentIn(lines) };
    };
    try {
      await box.request('update', allowOlder ? 'allow-older' : '', { deadlineMs: HOUR_MS, onLines });
      now = { ...ready, kind: 'installed' };
    } catch (error) {
      now = { ...ready, kind: 'failed', problem: reasonOf(messageOf(error)) };
      log.warn({ error: messageOf(error) }, 'update failed');
    }
  }

  return {
    async state(actor) {
      authorize(actor, 'system.manage');
      const box = theBox(find);
      // One that was brought before the service started anew.
      if (now.kind === 'none') {
        const found = await inspect(box).catch(() => NOTHING);
        // Meanwhile another one may have begun to come in.
        if (now.kind === 'none') now = found;
      }
      return now;
    },

    async receive(actor, body) {
      await readThrough(body, async (stream) => keep(begin(actor), stream as AsyncIterable<Buffer>));
      await record(actor, 'update.received', { version: now.version });
    },

    async fetch(actor, input) {
      const box = begin(actor);
      const { url } = parse(fetchInput, input);
      now = { ...NOTHING, kind: 'receiving' };
      try {
        await record(actor, 'update.fetched', { url: new URL(url).origin + new URL(url).pathname });
        const body = await download(url, stopping.signal);
        void keep(box, body).catch((error: unknown) => {
          now = { ...NOTHING, kind: 'failed', problem: problemOf(error) };
        });
      } catch (error) {
        now = NOTHING;
        throw new InvalidInput({ url: [messageOf(error)] }, { cause: error });
      }
    },

    async install(actor, input) {
      const box = begin(actor);
      const { allowOlder } = parse(installInput, input);
      const ready = await inspect(box);
      if (ready.kind !== 'ready') throw new NotFound(text.update.noBundle);
      if (ready.isOlder && !allowOlder) throw new Conflict(text.update.older(ready.version ?? ''));
      begin(actor);
      now = { ...ready, kind: 'installing' };
      await record(actor, 'update.installed', { version: ready.version, ...(ready.isOlder ? { older: true } : {}) });
      void write(box, ready, allowOlder);
    },

    async discard(actor) {
      await begin(actor).forgetBundle();
      now = NOTHING;
    },

    stop: () => stopping.abort(),
  };
}

// `rauc info --output-format=json`.
const bundleInfo = z.object({ version: z.string(), description: z.string().nullish(), build: z.string().nullish() });

/** RAUC prints ` 40% Copying image to rootfs.1`. */
function percentIn(lines: readonly string[]): number {
  const last = lines.findLast((line) => /^\s*\d{1,3}%/.test(line));
  return last === undefined ? 0 : Math.min(100, Number.parseInt(last, 10));
}

function problemOf(error: unknown): string {
  return error instanceof InvalidInput ? Object.values(error.fields).flat().join(', ') : messageOf(error);
}

/** In words of this product what RAUC and the box say. */
function reasonOf(words: string): string {
  const known = text.update.reasons.find(({ says }) => says.test(words));
  return known ? known.means : `${text.update.refused} ${words.split('\n').at(-1)}`;
}
