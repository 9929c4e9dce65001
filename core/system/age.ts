import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, type ScryptOptions, scrypt } from 'node:crypto';
import { InvalidInput } from '../errors.ts';
import { equalInConstantTime } from './secrets.ts';

// The format age-encryption.org/v1 with a passphrase (c2sp.org/age): whoever has the passphrase opens it with `age -d`, without us.
const VERSION_LINE = 'age-encryption.org/v1';
const CHUNK_BYTES = 65_536;
const TAG_BYTES = 16;
const SEALED_BYTES = CHUNK_BYTES + TAG_BYTES;
const NONCE_BYTES = 16;
/** 2^17 rounds take 128 MiB and half a second of a small box; age itself takes 2^18. */
const WORK_FACTOR = 17;
const MOST_WORK = 18;
const LONGEST_HEADER_BYTES = 1_024;
const HEADER = /^(age-encryption\.org\/v1\n-> scrypt ([A-Za-z0-9+/]{22}) ([1-9]\d?)\n([A-Za-z0-9+/]{43})\n---) ([A-Za-z0-9+/]{43})\n/;

type Bytes = AsyncIterable<Buffer>;

/** Whether it begins as such a file does. */
export function looksEncrypted(beginning: Buffer): boolean {
  return beginning.subarray(0, VERSION_LINE.length).toString('latin1') === VERSION_LINE;
}

/** Encrypts a stream under a passphrase. */
export async function* encrypt(plain: Bytes, passphrase: string): AsyncGenerator<Buffer> {
  const fileKey = randomBytes(16);
  const salt = randomBytes(16);
  const wrapped = seal(await stretch(passphrase, salt, WORK_FACTOR), Buffer.alloc(12), fileKey);
  const header = `${VERSION_LINE}\n-> scrypt ${base64(salt)} ${WORK_FACTOR}\n${base64(wrapped)}\n---`;
  const nonce = randomBytes(NONCE_BYTES);
  yield Buffer.concat([Buffer.from(`${header} ${base64(authenticate(fileKey, header))}\n`), nonce]);
  const key = derive(fileKey, nonce, 'payload');
  for await (const { chunk, index, isLast } of chunks(plain, CHUNK_BYTES)) yield seal(key, nonceOf(index, isLast), chunk);
}

/** Decrypts such a stream. Throws InvalidInput when the passphrase is wrong, or a bit of it was changed, or its end is missing. */
export async function* decrypt(encrypted: Bytes, passphrase: string): AsyncGenerator<Buffer> {
  const source = encrypted[Symbol.asyncIterator]();
  const { fileKey, rest } = await readHeader(source, passphrase);
  const beginning = await readAtLeast(source, rest, NONCE_BYTES);
  if (beginning.length < NONCE_BYTES) throw damaged();
  const key = derive(fileKey, beginning.subarray(0, NONCE_BYTES), 'payload');
  const sealed = follow(beginning.subarray(NONCE_BYTES), source);
  for await (const { chunk, index, isLast } of chunks(sealed, SEALED_BYTES)) {
    if (index > 0 && chunk.length <= TAG_BYTES) throw damaged();
    yield open(key, nonceOf(index, isLast), chunk) ?? fail(damaged());
  }
}

async function readHeader(source: AsyncIterator<Buffer>, passphrase: string): Promise<{ readonly fileKey: Buffer; readonly rest: Buffer }> {
  const beginning = await readAtLeast(source, Buffer.alloc(0), LONGEST_HEADER_BYTES);
  const match = HEADER.exec(beginning.subarray(0, LONGEST_HEADER_BYTES).toString('latin1'));
  if (!match) throw new InvalidInput({ archive: ['is not encrypted in a way that is known here: age with a passphrase'] });
  const [whole, header = '', salt = '', factor = '', wrapped = '', mac = ''] = match;
  if (Number(factor) > MOST_WORK) throw new InvalidInput({ archive: [`asks for more work (2^${factor}) than this box does (2^${MOST_WORK})`] });
  const fileKey = open(await stretch(passphrase, Buffer.from(salt, 'base64'), Number(factor)), Buffer.alloc(12), Buffer.from(wrapped, 'base64'));
  if (fileKey === null || fileKey.length !== 16) throw new InvalidInput({ passphrase: ['does not open this archive'] });
  if (!equalInConstantTime(base64(authenticate(fileKey, header)), mac)) throw damaged();
  return { fileKey, rest: beginning.subarray(whole.length) };
}

async function readAtLeast(source: AsyncIterator<Buffer>, before: Buffer, length: number): Promise<Buffer> {
  let bytes = before;
  while (bytes.length < length) {
    const { value, done } = await source.next();
    if (done) break;
    bytes = Buffer.concat([bytes, value]);
  }
  return bytes;
}

async function* follow(first: Buffer, source: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* { [Symbol.asyncIterator]: () => source };
}

/** Pieces of one size, and a last one that may be shorter. */
async function* chunks(bytes: Bytes, size: number) {
  let rest = Buffer.alloc(0);
  let index = 0;
  for await (const piece of bytes) {
    rest = Buffer.concat([rest, piece]);
    for (; rest.length > size; rest = rest.subarray(size)) yield { chunk: rest.subarray(0, size), index: index++, isLast: false };
  }
  yield { chunk: rest, index, isLast: true };
}

/** STREAM: eleven bytes of a counter, and one that says whether this is the end. */
function nonceOf(index: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(index, 5, 6);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

function seal(key: Buffer, nonce: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_BYTES });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function open(key: Buffer, nonce: Buffer, sealed: Buffer): Buffer | null {
  if (sealed.length < TAG_BYTES) return null;
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const plain = decipher.update(sealed.subarray(0, -TAG_BYTES));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    return null;
  }
}

function authenticate(fileKey: Buffer, header: string): Buffer {
  return createHmac('sha256', derive(fileKey, Buffer.alloc(0), 'header'))
    .update(header)
    .digest();
}

function derive(fileKey: Buffer, salt: Buffer, info: string): Buffer {
  return Buffer.from(hkdfSync('sha256', fileKey, salt, info, 32));
}

function stretch(passphrase: string, salt: Buffer, factor: number): Promise<Buffer> {
  const options: ScryptOptions = { N: 2 ** factor, r: 8, p: 1, maxmem: 2 ** (factor + 10) + 2 ** 20 };
  const salted = Buffer.concat([Buffer.from(`${VERSION_LINE}/scrypt`), salt]);
  return new Promise((resolve, reject) => scrypt(passphrase, salted, 32, options, (error, key) => (error ? reject(error) : resolve(key))));
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

function damaged(): InvalidInput {
  return new InvalidInput({ archive: ['is damaged: it was changed, or its end is missing'] });
}

function fail(error: Error): never {
  throw error;
}
