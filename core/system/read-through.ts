import { PassThrough, type Readable } from 'node:stream';

/**
 * Gives a stream to somebody who may stop in the middle; the rest of it then passes unread. What a browser uploads must be taken
 * to its end: it reads no answer before it has sent all.
 */
export async function readThrough<T>(source: Readable, read: (stream: Readable) => Promise<T>): Promise<T> {
  const stream = new PassThrough();
  // It breaks off for whoever reads; when nobody does any more, that is nobody's error.
  source.on('error', (error) => stream.destroy(error));
  stream.on('error', () => {});
  source.pipe(stream);
  try {
    return await read(stream);
  } finally {
    source.unpipe(stream);
    source.resume();
  }
}
