import { createHash } from 'node:crypto';

/** What changes by itself, without anybody's editing, is no part of what a caller may overwrite. */
const BY_ITSELF = new Set([
  'rx_bytes',
  'tx_bytes',
  'latest_handshake',
  'remote_ip',
  'is_online',
  'status',
  'last_used_at',
  'last_seen_at',
  'last_signed_in_at',
  'last_signed_in_method',
  'updated_at',
]);

/** A strong entity tag (RFC 9110 §8.8.3) in two parts: what somebody edits, and all of it. */
export function entityTag(shown: unknown): string {
  return `"${print(shown, (key, value) => (BY_ITSELF.has(key) ? undefined : value))}.${print(shown)}"`;
}

/** If-None-Match: whether the caller knows exactly this. Proxies that compress mark tags as weak. */
export function isKnown(header: string, tag: string): boolean {
  return tagsOf(header).some((item) => item === '*' || item.replace(/^W\//, '') === tag);
}

/** If-Match: whether what somebody edits is as the caller has seen it; traffic and sign-ins in the meantime overwrite nothing. */
export function isUnchanged(header: string, tag: string): boolean {
  const edited = (text: string) => text.split('.')[0];
  return tagsOf(header).some((item) => item === '*' || edited(item) === edited(tag));
}

function tagsOf(header: string): readonly string[] {
  return header.split(',').map((item) => item.trim());
}

function print(shown: unknown, replacer?: (key: string, value: unknown) => unknown): string {
  const text = JSON.stringify(shown, replacer) ?? '';
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}
