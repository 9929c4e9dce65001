import { ApplyFailed } from '../../../core/errors.ts';
import type { Run } from '../../../core/system/run.ts';

/** As much of a Linux box as the drivers see of it, behind the door to processes. */
export interface Machine {
  readonly run: Run;
  /** Command lines that changed something, oldest first, and what they were given on standard input. */
  readonly changes: { readonly line: string; readonly stdin: string }[];
  readonly peers: Map<string, { presharedKey: string; allowedIps: string; endpoint: string }>;
  readonly addresses: Set<string>;
  /** The rules; marks are kept apart. */
  table: string[] | null;
  marks: string[];
  hasLink: boolean;
  /** Command lines that begin so fail. */
  readonly broken: Set<string>;
}

export function createMachine(): Machine {
  let wgLine = '(none)\t(none)\t0\toff';
  const machine: Machine = {
    run: async (argv, options = {}) => {
      const line = argv.join(' ');
      await new Promise((resolve) => setImmediate(resolve));
      for (const prefix of machine.broken) if (line.startsWith(prefix)) throw new ApplyFailed(`${prefix} is broken`);
      const looked = look(line);
      if (looked !== null) return { stdout: looked, stderr: '', exitCode: line.startsWith('nft list') && machine.table === null ? 1 : 0 };
      machine.changes.push({ line, stdin: options.stdin ?? '' });
      change(line, options.stdin ?? '');
      return { stdout: '', stderr: '', exitCode: 0 };
    },
    changes: [],
    peers: new Map(),
    addresses: new Set(),
    table: null,
    marks: [],
    hasLink: false,
    broken: new Set(),
  };

  function look(line: string): string | null {
    if (line === 'ip -j address show') return JSON.stringify(machine.hasLink ? [linkJson()] : []);
    if (line.includes('route show')) return '[]';
    if (line.startsWith('sysctl -e')) return 'net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\n';
    if (line.endsWith(' dump')) return [wgLine, ...[...machine.peers].map(([key, peer]) => peerLine(key, peer))].join('\n');
    if (line.endsWith(' endpoints')) return [...machine.peers].map(([key, { endpoint }]) => `${key}\t${endpoint}\n`).join('');
    if (line === 'nft list table inet wiregui') return listing();
    return null;
  }

  function linkJson() {
    const addr_info = [...machine.addresses].map((address) => ({ local: address.split('/')[0], prefixlen: Number(address.split('/')[1]), scope: 'global' }));
    return { ifname: 'wg-test', mtu: 1420, flags: ['UP'], addr_info };
  }

  function peerLine(key: string, { presharedKey, allowedIps, endpoint }: { presharedKey: string; allowedIps: string; endpoint: string }) {
    return [key, presharedKey, endpoint, allowedIps || '(none)', 0, 0, 0, 'off'].join('\t');
  }

  function listing(): string {
    const body = (machine.table ?? []).map((rule) => `\t# ${rule}\n`).join('');
    return `table inet wiregui {\n${body}${machine.marks.map((mark) => `\n\tchain ${mark} {\n\t}\n`).join('')}}\n`;
  }

  function change(line: string, stdin: string): void {
    const [program, ...args] = line.split(' ');
    if (line.startsWith('ip link add')) machine.hasLink = true;
    else if (line.includes('address replace')) machine.addresses.add(args[3] ?? '');
    else if (line.includes('private-key')) wgLine = `${stdin.trim()}\t(pub)\t51820\toff`;
    else if (line.includes('addconf')) for (const section of stdin.split('[Peer]').slice(1)) addPeer(section);
    else if (program === 'wg') for (const [index, word] of args.entries()) if (word === 'remove') machine.peers.delete(args[index - 1] ?? '');
    if (program === 'nft') changeTable(stdin);
  }

  function addPeer(section: string): void {
    const field = (name: string) => new RegExp(`^${name} = (.*)$`, 'm').exec(section)?.[1] ?? '';
    const endpoint = field('Endpoint') || machine.peers.get(field('PublicKey'))?.endpoint || '(none)';
    machine.peers.set(field('PublicKey'), { presharedKey: field('PresharedKey'), allowedIps: field('AllowedIPs').replaceAll(', ', ','), endpoint });
  }

  function changeTable(batch: string): void {
    for (const line of batch.trim().split('\n')) {
      const mark = /(add|delete) chain inet wiregui (applied_\w+)/.exec(line);
      if (mark) machine.marks = [...machine.marks.filter((other) => other !== mark[2]), ...(mark[1] === 'add' ? [mark[2] ?? ''] : [])];
      else machine.table = [...(line.startsWith('flush table') ? [] : (machine.table ?? [])), line];
    }
  }
  return machine;
}
