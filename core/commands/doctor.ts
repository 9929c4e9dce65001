import { accessSync, constants, mkdirSync } from 'node:fs';
import { readConfig } from '../config.ts';
import { messageOf } from '../errors.ts';
import { whyNoDataPlane } from '../net/capability.ts';
import { type Argv, run } from '../system/run.ts';
import { print } from './console.ts';

interface Check {
  readonly what: string;
  readonly mend: string;
  works(): Promise<boolean>;
}

const PROGRAMS: readonly (readonly [Argv, string])[] = [
  [['wg', '--version'], 'wireguard-tools'],
  [['nft', '--version'], 'nftables'],
  [['ip', '-V'], 'iproute2'],
  [['conntrack', '--version'], 'conntrack'],
  [['sysctl', '--version'], 'procps'],
];

/** Prints what works here and what does not, with the way to mend it; the exit code is 1 when something is missing. */
export async function doctor(): Promise<void> {
  let isHealthy = true;
  for (const { what, mend, works } of checks()) {
    const isOk = await works().catch(() => false);
    isHealthy &&= isOk;
    print(isOk ? `ok       ${what}` : `missing  ${what}\n         ${mend}`);
  }
  const whyOff = await whyNoDataPlane('auto', run);
  print(whyOff === null ? 'ok       data plane' : `missing  data plane: ${whyOff}`);
  process.exitCode = isHealthy && whyOff === null ? 0 : 1;
}

function checks(): readonly Check[] {
  const programs = PROGRAMS.map(([argv, pkg]): Check => ({ what: argv[0], mend: `apt-get install ${pkg}`, works: () => run(argv).then(() => true) }));
  return [
    {
      what: `Node.js 22 or newer (this is ${process.versions.node})`,
      mend: 'start it with npm start, which brings its own',
      works: async () => Number(process.versions.node.split('.')[0]) >= 22,
    },
    configuration(),
    ...programs,
  ];
}

function configuration(): Check {
  try {
    const { dataDirectory } = readConfig();
    const works = async () => {
      mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
      accessSync(dataDirectory, constants.W_OK);
      return true;
    };
    return { what: `data folder ${dataDirectory}`, mend: 'make it writable for this user, or name another in WG_DATA_DIR', works };
  } catch (error) {
    return { what: 'configuration', mend: messageOf(error), works: async () => false };
  }
}
