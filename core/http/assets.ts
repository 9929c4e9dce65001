import { existsSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Middleware } from 'koa';

export interface Assets {
  /** The fingerprinted address of `core/app.css`. Throws when the build made no such asset. */
  url(name: string): string;
  readonly serve: Middleware;
}

interface Asset {
  readonly type: string;
  readonly encodings: Readonly<Record<string, Buffer>>;
}

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
};

/** Loads what the build put into `directory`; the few hundred kB stay in memory, and only exact names are served. */
export function loadAssets(directory: string): Assets {
  const manifest = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')) as Record<string, string>;
  const assets = new Map(Object.values(manifest).map((url) => [url, readAsset(join(directory, url.slice('/static/'.length)))]));

  return {
    url(name) {
      const url = manifest[name];
      if (url === undefined) throw new Error(`there is no asset ${name}`);
      return url;
    },
    serve: async (ctx, next) => {
      const asset = assets.get(ctx.path);
      if (asset === undefined || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return next();
      const encoding = ctx.acceptsEncodings(...Object.keys(asset.encodings), 'identity') || 'identity';
      ctx.set('Cache-Control', 'public, max-age=31536000, immutable');
      ctx.vary('Accept-Encoding');
      if (encoding !== 'identity') ctx.set('Content-Encoding', encoding);
      ctx.body = asset.encodings[encoding];
      ctx.set('Content-Type', asset.type);
    },
  };
}

function readAsset(file: string): Asset {
  const variants = [
    ['br', `${file}.br`],
    ['gzip', `${file}.gz`],
    ['identity', file],
  ] as const;
  const encodings = variants.filter(([, path]) => existsSync(path)).map(([encoding, path]) => [encoding, readFileSync(path)]);
  return { type: TYPES[extname(file)] ?? 'application/octet-stream', encodings: Object.fromEntries(encodings) };
}
