import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What the root side answers to a verb: lines, or an error's words. It may print before it is over. */
export type RootSide = (content: string, print: (line: string) => void) => readonly string[] | Promise<readonly string[]>;

/** An appliance's folders with somebody in them who answers as its root side does. */
export interface FakeAppliance extends Disposable {
  readonly env: { readonly WG_BOX_DIR: string; readonly CACHE_DIRECTORY: string };
  readonly verbs: Record<string, RootSide>;
  /** `verb content`, in their order, but for what only reads. */
  readonly asked: string[];
  readonly status: Record<string, string>;
  readonly bundle: string;
}

export function createAppliance(): FakeAppliance {
  const folder = mkdtempSync(join(tmpdir(), 'wiregui-box-'));
  const [box, cache] = [join(folder, 'box'), join(folder, 'cache')];
  const [requests, answers] = [join(box, 'requests'), join(box, 'answers')];
  for (const each of [requests, answers, cache]) mkdirSync(each, { recursive: true });
  const status: Record<string, string> = {
    version: '0.1.0',
    built: '1760000000',
    kernel: '6.12.48-cloud-amd64',
    slot: 'A',
    other: 'good',
    next: 'A',
    fellBackFrom: '',
    hostname: 'wiregui',
    upSeconds: '93784',
    now: '1764000000',
    synchronised: 'yes',
    timezone: 'UTC',
    ntp: '',
    rauc: JSON.stringify({
      slots: [
        { 'rootfs.1': { bootname: 'B', slot_status: { bundle: { compatible: 'wiregui-x86-64', version: '0.0.9' }, status: 'ok' } } },
        // As it was flashed.
        { 'rootfs.0': { bootname: 'A', slot_status: { bundle: { compatible: null } } } },
        { 'boot.0': { bootname: null, slot_status: { bundle: { compatible: null } } } },
      ],
    }),
  };
  const asked: string[] = [];
  const verbs: Record<string, RootSide> = {
    status: () => Object.entries(status).map(([name, value]) => `${name}=${value}`),
    reboot: () => [],
    poweroff: () => [],
    'factory-reset': () => [],
    'network-state': () => ['port=enp1s0 UP 192.0.2.5/24 fe80::1/64', 'port=enp2s0 DOWN '],
    network: () => [],
    'network-confirm': () => [],
    'network-revert': () => [],
    name: () => [],
    time: () => [],
    'ssh-state': () => ['on=no', 'unit=inactive'],
  };

  async function answer(verb: string, id: string, content: string): Promise<void> {
    if (!['status', 'network-state', 'ssh-state'].includes(verb)) asked.push(`${verb} ${content}`.trim());
    let text = '';
    const print = (line: string) => {
      text += `${line}\n`;
      writeFileSync(join(answers, id), text);
    };
    try {
      const side = verbs[verb];
      if (!side) throw new Error('not a request');
      for (const line of await side(content, print)) text += `${line}\n`;
      print('done');
    } catch (error) {
      text += `${(error as Error).message}\n`;
      print('failed');
    }
  }

  const watcher = watch(requests, () => {
    for (const file of readdirSync(requests)) {
      if (file.startsWith('.')) continue;
      const content = readFileSync(join(requests, file), 'utf8');
      rmSync(join(requests, file));
      const [verb = '', id = ''] = file.split('.');
      void answer(verb, id, content);
    }
  });

  return {
    env: { WG_BOX_DIR: box, CACHE_DIRECTORY: cache },
    verbs,
    asked,
    status,
    bundle: join(cache, 'update.raucb'),
    [Symbol.dispose]() {
      watcher.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
