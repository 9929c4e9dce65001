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
]);

/** A strong entity tag (RFC 9110 §8.8.3) over what can be edited. */
export function entityTag(shown: unknown): string {
  const text = JSON.stringify(shown, (key, value) => (BY_ITSELF.has(key) ? undefined : value));
  return `"${createHash('sha256')
    .update(text ?? '')
    .digest('base64url')
    .slice(0, 22)}"`;
}

/** Whether one of the tags of an If-Match or If-None-Match header is this one, or `*`. */
export function isSameEntity(header: string, tag: string): boolean {
  return header
    .split(',')
    .map((item) => item.trim())
    .some((item) => item === '*' || item === tag);
}
