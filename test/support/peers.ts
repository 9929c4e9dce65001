import { createMachine } from '../core/net/machine.ts';
import { createTestApp, type TestApp } from './app.ts';
import type { Network } from './network.ts';

export interface Counters {
  readonly rx: number;
  readonly tx: number;
  /** The moment of the latest handshake. */
  readonly at?: Date;
}

const HOUSEKEEPING_MS = 3_600_000;

/** A box whose interface has the peers that it wants, with counters that the test sets. */
export interface TestPeers extends AsyncDisposable {
  readonly box: TestApp;
  readonly counters: Map<string, Counters>;
  isUnreadable: boolean;
  /** Lets time pass until the next look at the interface is over. */
  poll(ms?: number): Promise<void>;
  /** Stops the box and starts it again on the same data and the same kernel. */
  restart(): Promise<TestApp>;
}

export async function createPeers(): Promise<TestPeers> {
  const machine = createMachine();
  const counters = new Map<string, Counters>();
  const network = { interfaceName: 'wg-test', server: { run: runOf(), watch: () => () => {} } } as unknown as Network;
  const peers = {
    box: await createTestApp({ network }),
    counters,
    isUnreadable: false,
    async poll(ms = 60_000) {
      const due = ['stats', ...(ms >= HOUSEKEEPING_MS ? ['traffic:housekeeping'] : [])];
      const { app, clock } = peers.box;
      const over = due.map((job) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        const stop = app.events.on('job.ran', ({ id }) => (id === job ? resolve() : undefined));
        return promise.finally(stop);
      });
      clock.advance(ms);
      await Promise.all(over);
    },
    async restart() {
      const { app, dataDirectory, clock } = peers.box;
      await app.stop();
      peers.box = await createTestApp({ network, dataDirectory });
      peers.box.clock.advance(clock.now().getTime() - peers.box.clock.now().getTime());
      return peers.box;
    },
    [Symbol.asyncDispose]: () => peers.box[Symbol.asyncDispose](),
  };
  return peers;

  function runOf(): Network['server']['run'] {
    return async (argv, options) => {
      const isDump = argv[0] === 'wg' && argv.at(-1) === 'dump';
      if (isDump && peers.isUnreadable) throw new Error('cannot read the interface');
      const answer = await machine.run(argv, options);
      return isDump ? { ...answer, stdout: withCounters(answer.stdout) } : answer;
    };
  }

  function withCounters(dump: string): string {
    return dump
      .split('\n')
      .map((line, index) => {
        const fields = line.split('\t');
        const known = counters.get(fields[0] ?? '');
        if (index === 0 || known === undefined) return line;
        return fields
          .with(4, String(Math.floor((known.at?.getTime() ?? 0) / 1_000)))
          .with(5, String(known.rx))
          .with(6, String(known.tx))
          .join('\t');
      })
      .join('\n');
  }
}
