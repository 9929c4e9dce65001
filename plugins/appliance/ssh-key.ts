import { createHash } from 'node:crypto';
import { z } from 'zod';
import { text } from './text.ts';

/** Somebody's public key, as it stands in authorized_keys (sshd(8)). */
export interface SshKey {
  /** The digest of its fingerprint as it may stand in an address. */
  readonly id: string;
  readonly type: string;
  readonly bits: number;
  /** `SHA256:…`, as ssh-keygen and ssh print it. */
  readonly fingerprint: string;
  readonly comment: string;
  /** Type, key and comment: what the box is given. */
  readonly line: string;
}

const LEAST_RSA_BITS = 3_072;
const MOST_RSA_BITS = 8_192;
const POINT_BITS: Readonly<Record<number, number>> = { 65: 256, 97: 384, 133: 521 };

/** What follows the type inside a key (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4, OpenSSH's PROTOCOL.u2f); its bits, or null. */
const SHAPES: Readonly<Record<string, (fields: readonly Buffer[]) => number | null>> = {
  'ssh-ed25519': ([key, ...rest]) => (key?.length === 32 && rest.length === 0 ? 256 : null),
  'ssh-rsa': ([exponent, modulus, ...rest]) => (exponent?.length && modulus?.length && rest.length === 0 ? bitsOf(modulus) : null),
  'ecdsa-sha2-nistp256': (fields) => onCurve(256, fields),
  'ecdsa-sha2-nistp384': (fields) => onCurve(384, fields),
  'ecdsa-sha2-nistp521': (fields) => onCurve(521, fields),
  'sk-ssh-ed25519@openssh.com': ([key, application, ...rest]) => (key?.length === 32 && application?.length && rest.length === 0 ? 256 : null),
  'sk-ecdsa-sha2-nistp256@openssh.com': ([curve, point, application, ...rest]) =>
    application?.length && rest.length === 0 && curve && point ? onCurve(256, [curve, point]) : null,
};

/** One public key. The box looks at it once more (image: requests/ssh). */
export const keyInput = z.strictObject({
  key: z
    .string({ error: text.ssh.notAKey })
    .max(10_000, text.ssh.notAKey)
    .trim()
    .superRefine((line, { addIssue }) => {
      const found = readKey(line);
      if (typeof found === 'string') addIssue({ code: 'custom', message: found });
    }),
});

/** The key in a line, or why it is none that may come in. */
export function readKey(line: string): SshKey | string {
  if (isPrivate(line)) return text.ssh.isPrivate;
  const [, type = '', encoded = '', comment = ''] = /^(\S+) ([A-Za-z0-9+/]+={0,2})(?: ([\x21-\x7e][\x20-\x7e]{0,99}))?$/.exec(line) ?? [];
  const shape = Object.hasOwn(SHAPES, type) ? SHAPES[type] : undefined;
  if (shape === undefined) return problemOf(line);
  const blob = Buffer.from(encoded, 'base64');
  const [inner, ...fields] = blob.toString('base64') === encoded ? fieldsOf(blob) : [];
  const bits = inner?.toString('latin1') === type ? shape(fields) : null;
  if (bits === null) return text.ssh.notAKey;
  if (type === 'ssh-rsa' && (bits < LEAST_RSA_BITS || bits > MOST_RSA_BITS)) return text.ssh.rsa(LEAST_RSA_BITS, MOST_RSA_BITS);
  const digest = createHash('sha256').update(blob).digest();
  const fingerprint = `SHA256:${digest.toString('base64').replace(/=+$/, '')}`;
  return { id: digest.toString('base64url'), type, bits, fingerprint, comment, line: comment === '' ? `${type} ${encoded}` : `${type} ${encoded} ${comment}` };
}

/** Whether somebody has taken the wrong one of the two files; it must not be shown again. */
export function isPrivate(line: string): boolean {
  return line.includes('PRIVATE KEY') || /^PuTTY-User-Key-File/.test(line);
}

function problemOf(line: string): string {
  if (/[\r\n]/.test(line)) return text.ssh.oneLine;
  const [first = '', second = ''] = line.split(' ');
  if (Object.hasOwn(SHAPES, first)) return /^[A-Za-z0-9+/]{40,}={0,2}$/.test(second) ? text.ssh.comment : text.ssh.notAKey;
  if (/^(ssh-|ecdsa-|sk-)\S+$/.test(first)) return text.ssh.otherType(Object.keys(SHAPES).join(', '));
  return Object.keys(SHAPES).some((type) => line.includes(`${type} `)) ? text.ssh.options : text.ssh.notAKey;
}

/** RFC 4251 §5: each with its length before it, and nothing after the last; none where it is cut off. */
function fieldsOf(blob: Buffer): readonly Buffer[] {
  const fields: Buffer[] = [];
  for (let at = 0; at < blob.length; ) {
    const end = at + 4 <= blob.length ? at + 4 + blob.readUInt32BE(at) : Number.POSITIVE_INFINITY;
    if (end > blob.length) return [];
    fields.push(blob.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

function onCurve(bits: number, [curve, point, ...rest]: readonly Buffer[]): number | null {
  const isPoint = curve?.toString('latin1') === `nistp${bits}` && point?.[0] === 4 && POINT_BITS[point.length] === bits;
  return isPoint && rest.length === 0 ? bits : null;
}

/** Of a positive number, whose first bit is the sign's. */
function bitsOf(modulus: Buffer): number {
  return BigInt(`0x${modulus.toString('hex')}`).toString(2).length;
}
