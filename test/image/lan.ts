import { type Run, run } from '../../core/system/run.ts';

/** A cable between a computer, a network namespace, and a machine: nobody gives out addresses on it. */
export interface Lan extends AsyncDisposable {
  readonly tap: string;
  readonly prefix: readonly string[];
  readonly run: Run;
}

export async function createLan(): Promise<Lan> {
  const name = `wgi${Math.random().toString(36).slice(2, 8)}`;
  const prefix = ['ip', 'netns', 'exec', name];
  await run(['ip', 'netns', 'add', name]);
  await run(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
  await run(['ip', '-n', name, 'tuntap', 'add', 'tap0', 'mode', 'tap']);
  // As computers do on such a cable (RFC 3927).
  await run(['ip', '-n', name, 'address', 'add', '169.254.10.20/16', 'dev', 'tap0']);
  await run(['ip', '-n', name, 'link', 'set', 'tap0', 'up']);
  await run(['ip', '-n', name, 'route', 'add', '224.0.0.0/4', 'dev', 'tap0']);
  return {
    tap: 'tap0',
    prefix,
    run: ([program, ...args], options) => run(['ip', 'netns', 'exec', name, program, ...args], options),
    [Symbol.asyncDispose]: async () => void (await run(['ip', 'netns', 'delete', name])),
  };
}
