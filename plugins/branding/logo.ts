import { z } from 'zod';
import { type Actor, authorize, type Host, hashToken, InvalidInput, NotFound, parse } from '#core';
import { sanitizeSvg } from './svg.ts';
import { brandingLogo } from './tables.ts';
import { text } from './text.ts';

export const LARGEST_BYTES = 1_048_576;
export const newLogo = z.strictObject({ content: z.base64({ error: text.logo.notBase64 }).max(Math.ceil(LARGEST_BYTES / 3) * 4) });

export interface Logo {
  readonly type: string;
  readonly content: Buffer;
}

export interface Logos {
  /** Changes with the picture, so that browsers may keep it for ever; null when the product's own is in use. */
  version(): Promise<string | null>;
  /** Throws NotFound. */
  get(): Promise<Logo>;
  /** Throws InvalidInput unless it is a picture of a kind that browsers show; an SVG is cleaned of everything but drawing. */
  put(actor: Actor, content: Buffer): Promise<void>;
  remove(actor: Actor): Promise<void>;
}

const SIGNATURES: readonly (readonly [string, RegExp])[] = [
  ['image/png', /^\x89PNG\r\n/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/webp', /^RIFF[\s\S]{4}WEBP/],
];

export function createLogos({ db, audit, clock, events }: Pick<Host, 'db' | 'audit' | 'clock' | 'events'>): Logos {
  let known: string | null | undefined;

  async function store(actor: Actor, logo: Logo | null): Promise<void> {
    authorize(actor, 'settings.manage');
    const now = clock.now();
    await db.transaction(async (tx) => {
      const removed = await tx.delete(brandingLogo).returning({ id: brandingLogo.id });
      if (logo === null && removed.length === 0) throw new NotFound(text.logo.unknown);
      if (logo) await tx.insert(brandingLogo).values({ type: logo.type, content: logo.content.toString('base64'), createdAt: now, updatedAt: now });
      const changes = logo ? { type: logo.type, bytes: logo.content.length } : {};
      await audit.record(tx, actor, {
        action: logo ? 'logo.changed' : 'logo.removed',
        target: { type: 'settings', id: 'branding', name: text.title },
        changes,
      });
    });
    known = undefined;
    events.emit('settings.changed', { section: 'branding' });
  }

  async function find(): Promise<Logo | null> {
    const [row] = await db.select().from(brandingLogo);
    return row ? { type: row.type, content: Buffer.from(row.content, 'base64') } : null;
  }

  return {
    async version() {
      if (known === undefined) {
        const logo = await find();
        known = logo === null ? null : hashToken(logo.content.toString('base64')).slice(0, 12);
      }
      return known;
    },
    async get() {
      const logo = await find();
      if (logo === null) throw new NotFound(text.logo.unknown);
      return logo;
    },
    put: async (actor, content) => store(actor, await pictureOf(content)),
    remove: (actor) => store(actor, null),
  };
}

/** What the bytes are, by themselves: neither the file's name nor what the browser says of it counts. */
async function pictureOf(content: Buffer): Promise<Logo> {
  const start = content.subarray(0, 16).toString('latin1');
  const type = SIGNATURES.find(([, signature]) => signature.test(start))?.[0];
  if (type !== undefined) return { type, content };
  if (
    !/^\s*(?:<\?xml|<!--|<svg)/.test(
      content
        .subarray(0, 200)
        .toString('utf8')
        .replace(/^\ufeff/, ''),
    )
  )
    throw new InvalidInput({ logo: [text.logo.notAnImage] });
  return { type: 'image/svg+xml', content: Buffer.from(await sanitizeSvg(content.toString('utf8'))) };
}

/** From an API caller. */
export function decoded(input: unknown): Buffer {
  return Buffer.from(parse(newLogo, input).content, 'base64');
}
