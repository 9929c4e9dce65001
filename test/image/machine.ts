import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, createWriteStream, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { run } from '../../core/system/run.ts';
import { until } from '../support/wait.ts';

/** A box in QEMU, with its serial line. It computes every instruction itself (TCG), so that it runs anywhere. */
export interface Machine extends AsyncDisposable {
  /** The raw disk, to be touched only while the power is off. */
  readonly disk: string;
  readonly port: number;
  readonly httpsPort: number;
  readonly sshPort: number;
  readonly wireguardPort: number;
  /** What came over the serial line since it was switched on, without control characters. */
  output(): string;
  /** Waits for what comes over the line from now on or since `from`; answers the match, and how long it took. */
  waitFor(pattern: RegExp, withinMs: number, from?: number): Promise<{ readonly match: RegExpExecArray; readonly ms: number }>;
  /** Runs a line in the root shell behind the console's key `s`, and answers what it printed. */
  shell(line: string, withinMs?: number): Promise<string>;
  /** What came until now is of an earlier boot. */
  forget(): void;
  /** Types into the console. */
  type(text: string): void;
  /** As pulling the plug: nothing is written any more. */
  cutPower(): Promise<void>;
  /** Switches it on, on the same disk. */
  switchOn(): void;
  /** Waits until this version has marked itself good; answers its slot and the seconds since the kernel started. */
  healthy(version: string, withinMs?: number): Promise<{ readonly slot: string; readonly seconds: number }>;
}

export interface MachineOptions {
  /** The raw image; the machine works on a copy. */
  readonly disk: string;
  readonly firmware?: 'bios' | 'uefi';
  readonly diskMb?: number;
  /** What the disk hangs on; with another one than virtio the network card is a real one's likeness too. */
  readonly bus?: keyof typeof BUSES;
  /** Another disk, such as a file system with a bundle. */
  readonly second?: string;
  /** A tap interface instead of QEMU's own network, and what to put before QEMU's command line. */
  readonly tap?: string;
  readonly prefix?: readonly string[];
  readonly log: string;
}

const BUSES = {
  virtio: ['virtio-blk-pci,drive=disk'],
  nvme: ['nvme,drive=disk,serial=1'],
  sata: ['ide-hd,drive=disk'],
  usb: ['qemu-xhci', 'usb-storage,drive=disk'],
};
const FIRMWARE = '/usr/share/OVMF';
const SHELL_MS = 90_000;
const PROMPT = 'box# ';
/** Slower than the slowest runner is. */
export const BOOT_MS = 400_000;

export async function startMachine({
  disk,
  firmware = 'bios',
  diskMb = 2_048,
  bus = 'virtio',
  second,
  tap,
  prefix = [],
  log,
}: MachineOptions): Promise<Machine> {
  const folder = mkdtempSync(join(tmpdir(), 'wiregui-machine-'));
  const copy = join(folder, 'disk.raw');
  await run(['cp', '--sparse=always', disk, copy], { deadlineMs: 120_000 });
  truncateSync(copy, diskMb * 1024 * 1024);
  if (firmware === 'uefi') copyFileSync(`${FIRMWARE}/OVMF_VARS_4M.fd`, join(folder, 'vars.fd'));
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const wireguardPort = port + 1;
  const httpsPort = port + 2;
  const sshPort = port + 3;
  const file = createWriteStream(log, { flags: 'a' });
  let child: ChildProcess | undefined;
  let raw = '';
  let output = '';
  let hasShell = false;

  function argv(): string[] {
    const tcp = [
      [port, 80],
      [httpsPort, 443],
      [sshPort, 22],
    ].map(([outside, inside]) => `hostfwd=tcp:127.0.0.1:${outside}-:${inside}`);
    const forwards = [...tcp, `hostfwd=udp:127.0.0.1:${wireguardPort}-:51820`].join();
    return [
      ...prefix,
      'qemu-system-x86_64',
      ...['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', 'max', '-smp', '2', '-m', '1024', '-machine', 'q35'],
      ...['-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-nodefaults', '-vga', 'std'],
      ...['-drive', `file=${copy},if=none,id=disk,format=raw,cache=writeback`],
      ...BUSES[bus].flatMap((device) => ['-device', device]),
      ...(second === undefined ? [] : ['-drive', `file=${second},if=virtio,format=raw,readonly=on`]),
      ...['-netdev', tap === undefined ? `user,id=net,${forwards}` : `tap,id=net,ifname=${tap},script=no,downscript=no`],
      ...[
        '-device',
        `${bus === 'virtio' ? 'virtio-net-pci' : 'e1000e'},netdev=net,romfile=`,
        '-device',
        'virtio-rng-pci',
        '-device',
        'i6300esb',
        '-action',
        'watchdog=reset',
      ],
      ...(firmware === 'bios'
        ? []
        : [
            ...['-drive', `if=pflash,format=raw,readonly=on,file=${FIRMWARE}/OVMF_CODE_4M.fd`],
            ...['-drive', `if=pflash,format=raw,file=${join(folder, 'vars.fd')}`],
          ]),
    ];
  }

  const machine: Machine = {
    disk: copy,
    port,
    httpsPort,
    sshPort,
    wireguardPort,
    output: () => output,
    async waitFor(pattern, withinMs, from = output.length) {
      let match: RegExpExecArray | null = null;
      const check = () => {
        match = pattern.exec(output.slice(from));
        if (match === null && (child?.exitCode != null || child?.signalCode != null)) throw new Error(`the machine ended: ${output.slice(-500)}`);
        return match !== null;
      };
      const ms = await until(`${pattern} on the serial line; the last was ${JSON.stringify(output.slice(-300))}`, check, withinMs);
      return { match: match as unknown as RegExpExecArray, ms };
    },
    async shell(line, withinMs = 60_000) {
      if (!hasShell) await enterShell();
      const mark = Math.random().toString(36).slice(2);
      const from = output.length;
      machine.type(`${line}; echo "${mark.slice(0, 4)}""${mark.slice(4)}=$?"\n`);
      const { match } = await machine.waitFor(new RegExp(`${mark}=(\\d+)`), withinMs, from);
      const said = output.slice(from).split('\n');
      const text = said
        .slice(
          0,
          said.findIndex((each) => each.includes(`${mark}=`)),
        )
        .join('\n');
      if (match[1] !== '0') throw new Error(`${line}: answered ${match[1]}: ${text}`);
      // The prompt of the line before may have come late.
      return text.replaceAll(PROMPT, '').trim();
    },
    forget() {
      raw = raw.slice(raw.lastIndexOf('WireGUI: slot'));
      output = stripVTControlCharacters(raw).replaceAll('\r', '');
      hasShell = false;
    },
    type: (text) => void child?.stdin?.write(text),
    async cutPower() {
      const ending = child;
      if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
      const ended = new Promise((resolve) => ending.once('exit', resolve));
      ending.kill('SIGKILL');
      await ended;
    },
    switchOn() {
      raw = '';
      output = '';
      hasShell = false;
      const [program = '', ...args] = argv();
      child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
      const listen = (chunk: Buffer) => {
        file.write(chunk);
        // Sequences may come in two parts.
        raw += chunk.toString('latin1');
        output = stripVTControlCharacters(raw).replaceAll('\r', '');
      };
      child.stdout?.on('data', listen);
      child.stderr?.on('data', listen);
    },
    async healthy(version, withinMs = BOOT_MS) {
      const { match } = await machine.waitFor(new RegExp(`version ${version.replaceAll('.', '\\.')} in slot ([AB]) is healthy after (\\d+) s`), withinMs, 0);
      hasShell = false;
      return { slot: match[1] ?? '', seconds: Number(match[2]) };
    },
    async [Symbol.asyncDispose]() {
      await machine.cutPower();
      file.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };

  async function enterShell(): Promise<void> {
    await machine.waitFor(/Keys: a administrator|Press s for a shell/, BOOT_MS, 0);
    const from = output.length;
    machine.type('s');
    await machine.waitFor(/[#$] $/, SHELL_MS, from);
    const again = output.length;
    machine.type(`exec env PS1='${PROMPT}' bash --norc --noediting\n`);
    await machine.waitFor(new RegExp(`\\n${PROMPT}$`), SHELL_MS, again);
    machine.type('stty -echo\n');
    await machine.waitFor(new RegExp(`stty -echo\\n${PROMPT}$`), SHELL_MS, again);
    hasShell = true;
  }

  return machine;
}
