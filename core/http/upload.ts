import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyHeaders } from '@fastify/busboy';
import { InvalidInput, messageOf, TooLarge } from '../errors.ts';
import { en } from '../text/en.ts';

/** A file that a form brings along (RFC 7578); it is still coming in while it is read. */
export interface Upload {
  /** As the browser says it, without folders: to show, never to open. */
  readonly fileName: string;
  /** The form's fields that stand before the file. */
  readonly fields: URLSearchParams;
  readonly body: Readable;
}

/** Requests that bring a file to somebody who waits for it: they may take long, as long as something comes. */
export const uploads = new WeakSet<IncomingMessage>();

const MOST_FIELDS = 20;
const LARGEST_FIELD_BYTES = 65_536;

/** The first file of a multipart form. Throws InvalidInput when there is none; reading more than `largestBytes` of it throws TooLarge. */
export function readUpload(request: IncomingMessage, field: string, largestBytes: number): Promise<Upload> {
  const { 'content-type': type = '' } = request.headers;
  const missing = (cause?: unknown) => new InvalidInput({ [field]: [en.validation.file] }, { cause });
  if (!/^multipart\/form-data\b/i.test(type)) return Promise.reject(missing());
  uploads.add(request);
  const limits = { files: 1, fileSize: largestBytes, fields: MOST_FIELDS, fieldSize: LARGEST_FIELD_BYTES, parts: MOST_FIELDS + 1, headerPairs: 20 };
  return new Promise((resolve, reject) => {
    const fields = new URLSearchParams();
    const parser = new Busboy({ headers: request.headers as BusboyHeaders, limits });
    let body: Readable | null = null;
    parser.on('field', (name, value) => fields.append(name, value));
    parser.on('file', (name, stream, fileName) => {
      if (name !== field || !fileName) {
        stream.resume();
        return;
      }
      body = stream;
      stream.once('limit', () => stream.destroy(new TooLarge(en.errors.fileTooLarge(largestBytes))));
      resolve({ fileName, fields, body: stream });
    });
    pipeline(request, parser).then(
      () => reject(missing()),
      (error: unknown) => {
        body?.destroy(error instanceof Error ? error : new Error(messageOf(error)));
        reject(missing(error));
      },
    );
  });
}

/** Where nobody can bring a file: at the command line. */
export function noFile(): Promise<Upload> {
  return Promise.reject(new InvalidInput({ '': [en.validation.file] }));
}

/** All of an upload that fits into memory. */
export async function bytesOf({ body }: Upload): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
