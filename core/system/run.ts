import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplyFailed, Unavailable } from '../errors.ts';
import { nextTurn } from './turn.ts';

export type Argv = readonly [program: string, ...args: string[]];

export interface RunOptions {
  /** Given to the program on standard input; the way for anything secret. */
  readonly stdin?: string;
  /** Milliseconds until the program is killed; 10 s when absent. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  /** Exit codes that are answers, not failures; `[0]` when absent. */
  readonly acceptedExitCodes?: readonly number[];
}

export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/**
 * Runs a program with an argument array, never through a shell. Throws Unavailable when the program is missing
 * and ApplyFailed when it fails or outlives its deadline; the message carries its last words on stderr.
 */
export type Run = (argv: Argv, options?: RunOptions) => Promise<RunResult>;

/** Keeps a program running and hands over each line it prints; the answer ends it. */
export type Watch = (argv: Argv, onLine: (line: string) => void, onEnd: (exitCode: number | null) => void) => () => void;

const DEFAULT_DEADLINE_MS = 10_000;

// WireGuard's own variable: an endpoint that does not resolve must not block for a minute (wg(8)).
const PROGRAM_ENVIRONMENT = { WG_ENDPOINT_RESOLUTION_RETRIES: '1', LC_ALL: 'C' };

export const run: Run = async (argv, options = {}) => {
  await toStart();
  return start(argv, options);
};

let starting = Promise.resolve();

/** Starting a program copies the page tables of this process, which takes 8 ms with 150 MB: of several only one does so in a turn. */
function toStart(): Promise<void> {
  starting = starting.then(nextTurn);
  return starting;
}

const start = (argv: Argv, options: RunOptions): Promise<RunResult> =>
  new Promise((resolve, reject) => {
    const [program, ...args] = argv;
    const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
    const stdin = options.stdin === undefined ? null : openUnlinked(options.stdin);
    const child = spawn(program, args, {
      stdio: [stdin ?? 'ignore', 'pipe', 'pipe'],
      env: programEnvironment(),
      // Not `timeout`: its timer outlives a program that could not be started, and keeps us from ending.
      signal: options.signal ? AbortSignal.any([options.signal, AbortSignal.timeout(deadlineMs)]) : AbortSignal.timeout(deadlineMs),
      killSignal: 'SIGKILL',
    });
    if (stdin !== null) closeSync(stdin);

    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', (cause: NodeJS.ErrnoException) => {
      if (cause.name === 'AbortError') return reject(new ApplyFailed(`${program} ${args[0] ?? ''} did not end within ${deadlineMs} ms`, { cause }));
      reject(
        cause.code === 'ENOENT'
          ? new Unavailable(`${program} is not installed on this machine`, { cause })
          : new ApplyFailed(`cannot run ${program}: ${cause.message}`, { cause }),
      );
    });
    child.on('close', (code) => {
      const result = { stdout: text(stdout), stderr: text(stderr), exitCode: code ?? -1 };
      if (code !== null && (options.acceptedExitCodes ?? [0]).includes(code)) return resolve(result);
      reject(new ApplyFailed(`${program} ${args[0] ?? ''} answered ${code}: ${result.stderr.trim() || 'no message'}`));
    });
  });

export const watch: Watch = (argv, onLine, onEnd) => {
  const [program, ...args] = argv;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], env: programEnvironment() });
  let rest = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  child.on('error', () => onEnd(null));
  child.on('exit', (code) => onEnd(code));
  return () => {
    child.removeAllListeners('exit');
    child.kill('SIGTERM');
  };
};

// A Node pipe is a socket pair, which programs cannot reopen as /dev/stdin (ENXIO). A private file that has
// no name any more can be, and nobody else can read it.
function openUnlinked(content: string): number {
  const path = join(tmpdir(), `wiregui-${randomUUID()}`);
  const writer = openSync(path, 'wx', 0o600);
  writeSync(writer, content);
  const reader = openSync(path, 'r');
  unlinkSync(path);
  closeSync(writer);
  return reader;
}

function programEnvironment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...PROGRAM_ENVIRONMENT };
}

function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8');
}
