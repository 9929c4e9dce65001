import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;

interface LogOptions {
  readonly level: string;
  /** Write to `wiregui-YYYY-MM-DD.log` files in this folder instead of standard output. */
  readonly directory?: string | undefined;
}

/** A logger that writes JSON lines. Keys, tokens and dumps never reach it; `redact` is only the last net. */
export function createLog({ level, directory }: LogOptions): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: ['*.password', '*.privateKey', '*.presharedKey', '*.token', '*.secret', 'req.headers.cookie', 'req.headers.authorization'],
  };
  return directory === undefined ? pino(options) : pino(options, datedFiles(directory));
}

function datedFiles(directory: string): DestinationStream {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  let day = '';
  let file: ReturnType<typeof createWriteStream> | undefined;
  return {
    write(line: string) {
      const today = new Date().toISOString().slice(0, 10);
      if (today !== day) {
        file?.end();
        day = today;
        file = createWriteStream(join(directory, `wiregui-${today}.log`), { flags: 'a', mode: 0o600 });
      }
      file?.write(line);
    },
  };
}
