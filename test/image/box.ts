import { request } from 'node:https';
import { VERSION } from '../../core/version.ts';
import { BOOT_MS, type Machine } from './machine.ts';

export const OWNER = { email: 'owner@example.com', password: 'correct horse battery' };

/** The code on the console's screen. */
export async function setupCode(machine: Machine): Promise<string> {
  const { match } = await machine.waitFor(/give the code (\S+)/, BOOT_MS, 0);
  return match[1] ?? '';
}

/** The whole set-up as a browser sends it. */
export async function setUp(machine: Machine, code: string): Promise<number> {
  const body = new URLSearchParams({ code, ...OWNER, endpoint: 'vpn.example.com', ipv4Network: '10.3.2.0/24', ipv6Network: 'fd00::3:2:0/120' });
  const response = await post(machine, '/setup', body);
  return response.status;
}

export async function signIn(machine: Machine): Promise<number> {
  return (await post(machine, '/login', new URLSearchParams(OWNER))).status;
}

/** Asks the box over https, whose certificate it made itself. */
async function post(machine: Machine, path: string, body: URLSearchParams): Promise<{ readonly status: number }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' };
    const asked = request(
      { host: '127.0.0.1', port: machine.httpsPort, path, method: 'POST', rejectUnauthorized: false, headers, timeout: 60_000 },
      (response) => {
        response.resume();
        resolve({ status: response.statusCode ?? 0 });
      },
    );
    asked.on('error', reject);
    asked.end(body.toString());
  });
}

/** `wiregui <line> --json` on the box. */
export async function cli<T>(machine: Machine, line: string): Promise<T> {
  const output = await machine.shell(`wiregui ${line} --json | tr -d '\\n' | base64 -w 0; echo`, 120_000);
  return JSON.parse(Buffer.from(output.trim().split('\n').at(-1) ?? '', 'base64').toString()) as T;
}

const AS_SERVICE = 'setpriv --reuid=wiregui --regid=wiregui --clear-groups';

/** Asks the box for something as the service does; answers what came of it, the last line being `done` or `failed`. */
export async function ask(machine: Machine, verb: string, content = ''): Promise<string> {
  const id = `t${Math.random().toString(36).slice(2)}`;
  const requests = '/run/box/requests';
  await machine.shell(`${AS_SERVICE} sh -c 'printf "%s" "${content}" >${requests}/.${id} && mv ${requests}/.${id} ${requests}/${verb}.${id}'`);
  return machine.shell(`until grep -qxE 'done|failed' /run/box/answers/${id} 2>/dev/null; do sleep 1; done; cat /run/box/answers/${id}`, 600_000);
}

/** Asks for an update, whose bundle is on the second disk. */
export async function update(machine: Machine, bundle: string, content = ''): Promise<string> {
  await machine.shell('mkdir -p /run/bundles && { mountpoint -q /run/bundles || mount -o ro /dev/vdb /run/bundles; }');
  await machine.shell(`install -o wiregui -m 600 /run/bundles/${bundle}.raucb /var/cache/wiregui/update.raucb`, 300_000);
  return ask(machine, 'update', content);
}

/** Boots again from the shell. */
export function reboot(machine: Machine): Promise<void> {
  return beginsAnew(machine, () => machine.type('systemctl --no-block reboot\n'));
}

/** Does what makes the box boot again, and waits until it has begun to. */
export async function beginsAnew(machine: Machine, act: () => unknown): Promise<void> {
  const from = machine.output().length;
  await act();
  await machine.waitFor(/WireGUI: slot [AB], try \d/, BOOT_MS, from);
  machine.forget();
}

/** Waits until the box has given up a version and the current one runs again; answers how long it took. */
export async function fallsBack(machine: Machine, withinMs: number): Promise<number> {
  const start = performance.now();
  await machine.healthy(VERSION, withinMs);
  return performance.now() - start;
}
