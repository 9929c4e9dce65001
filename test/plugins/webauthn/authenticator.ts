import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A security key in software, which also does what no honest one does: everything that it says can be bent. */
export interface Authenticator {
  readonly id: string;
  /** How often it has signed; set it back to play a copy. */
  signatures: number;
  /** What `navigator.credentials.create` answers to these options, as JSON. */
  make(options: CreationOptions, bend?: Bend): string;
  /** What `navigator.credentials.get` answers. */
  sign(options: RequestOptions, bend?: Bend): string;
}

export interface CreationOptions {
  readonly challenge: string;
  readonly user: { readonly id: string };
}

export interface RequestOptions {
  readonly challenge: string;
}

/** What differs from an honest answer. */
export interface Bend {
  readonly origin?: string;
  readonly relyingParty?: string;
  readonly challenge?: string;
  readonly type?: string;
  readonly isVerified?: boolean;
  readonly isPresent?: boolean;
  readonly id?: string;
  readonly userHandle?: string | undefined;
  readonly key?: KeyObject;
  /** What vouches for the authenticator, given the bytes to sign. */
  readonly attest?: (signed: Buffer) => { readonly format: string; readonly statement: CborMap };
}

const ORIGIN = 'http://localhost:13000';

export function createAuthenticator(): Authenticator {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rawId = randomBytes(32);
  const id = rawId.toString('base64url');
  let handle: string | undefined;

  const authenticator: Authenticator = {
    id,
    signatures: 1,
    make(options, bend = {}) {
      handle = options.user.id;
      const credential = Buffer.concat([Buffer.alloc(16), uint16(rawId.length), rawId, coseKey(publicKey)]);
      const authData = Buffer.concat([authenticatorData(authenticator.signatures, bend, 0x40), credential]);
      const client = clientData('webauthn.create', options.challenge, bend);
      const { format, statement } = bend.attest?.(Buffer.concat([authData, sha256(client)])) ?? { format: 'none', statement: new Map() };
      const attestationObject = cbor(
        new Map<CborKey, CborValue>([
          ['fmt', format],
          ['attStmt', statement],
          ['authData', authData],
        ]),
      );
      const response = {
        clientDataJSON: client.toString('base64url'),
        attestationObject: attestationObject.toString('base64url'),
        transports: ['internal', '<script>'],
      };
      return JSON.stringify({ id: bend.id ?? id, rawId: bend.id ?? id, type: 'public-key', clientExtensionResults: {}, response });
    },
    sign(options, bend = {}) {
      authenticator.signatures += 1;
      const authData = authenticatorData(authenticator.signatures, bend);
      const client = clientData('webauthn.get', options.challenge, bend);
      const signature = sign('sha256', Buffer.concat([authData, sha256(client)]), bend.key ?? privateKey);
      const response = {
        clientDataJSON: client.toString('base64url'),
        authenticatorData: authData.toString('base64url'),
        signature: signature.toString('base64url'),
        userHandle: 'userHandle' in bend ? bend.userHandle : handle,
      };
      return JSON.stringify({ id: bend.id ?? id, rawId: bend.id ?? id, type: 'public-key', clientExtensionResults: {}, response });
    },
  };
  return authenticator;
}

/** The options in a page, as its script reads them. */
export function optionsIn<T>(html: string): T {
  const [, json = ''] = /data-options="([^"]*)"/.exec(html) ?? [];
  return JSON.parse(json.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')) as T;
}

function clientData(type: string, challenge: string, bend: Bend): Buffer {
  return Buffer.from(JSON.stringify({ type: bend.type ?? type, challenge: bend.challenge ?? challenge, origin: bend.origin ?? ORIGIN, crossOrigin: false }));
}

/** WebAuthn Level 3 §6.1: hash of the relying party's id, flags, counter. */
function authenticatorData(signatures: number, { relyingParty = 'localhost', isVerified = true, isPresent = true }: Bend, extraFlags = 0): Buffer {
  const counter = Buffer.alloc(4);
  counter.writeUInt32BE(signatures);
  const flags = extraFlags | (isPresent ? 0x01 : 0) | (isVerified ? 0x04 : 0);
  return Buffer.concat([sha256(relyingParty), Buffer.from([flags]), counter]);
}

/** RFC 9053 §7.1.1: EC2, ES256, P-256. */
function coseKey(publicKey: KeyObject): Buffer {
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  return cbor(
    new Map<CborKey, CborValue>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, Buffer.from(x, 'base64url')],
      [-3, Buffer.from(y, 'base64url')],
    ]),
  );
}

type CborKey = string | number;
type CborValue = string | number | Buffer | CborMap | readonly Buffer[];
type CborMap = ReadonlyMap<CborKey, CborValue>;

/** As much of RFC 8949 as keys need. */
function cbor(value: CborValue): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  if (value instanceof Map) return Buffer.concat([head(5, value.size), ...[...value].flatMap(([key, item]) => [cbor(key), cbor(item)])]);
  const items = value as readonly Buffer[];
  return Buffer.concat([head(4, items.length), ...items.map(cbor)]);
}

function head(major: number, size: number): Buffer {
  if (size < 24) return Buffer.from([(major << 5) | size]);
  return size < 256 ? Buffer.from([(major << 5) | 24, size]) : Buffer.concat([Buffer.from([(major << 5) | 25]), uint16(size)]);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function sha256(data: string | Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}
