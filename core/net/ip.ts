import { ApplyFailed, Unavailable } from '../errors.ts';
import type { Run } from '../system/run.ts';
import { isIpv6, parseAddress } from './cidr.ts';
import type { Cidr } from './inputs.ts';

export interface ObservedLink {
  readonly mtu: number;
  readonly isUp: boolean;
  /** `address/prefix`, without the link-local ones that the kernel makes. */
  readonly addresses: readonly string[];
  /** Our own routes: those with our protocol number. */
  readonly routes: readonly Cidr[];
}

export interface Ip {
  /** The interface, or null when there is none of that name. */
  observe(name: string): Promise<ObservedLink | null>;
  /** Makes a WireGuard interface: the kernel's, or else wireguard-go's. */
  create(name: string): Promise<void>;
  setLink(name: string, mtu: number): Promise<void>;
  addAddress(name: string, address: string): Promise<void>;
  removeAddress(name: string, address: string): Promise<void>;
  addRoute(name: string, route: Cidr): Promise<void>;
  removeRoute(name: string, route: Cidr): Promise<void>;
  /** Names of the forwarding switches (sysctl(8)) that are off. */
  missingForwarding(): Promise<readonly string[]>;
  enableForwarding(names: readonly string[]): Promise<void>;
}

interface AddressJson {
  readonly ifname?: string;
  readonly mtu?: number;
  readonly flags?: readonly string[];
  readonly addr_info?: readonly { readonly local: string; readonly prefixlen: number; readonly scope: string }[];
}

// Marks routes as ours (rtnetlink(7): numbers above 4 are for the administrator's programs).
export const ROUTE_PROTOCOL = '87';
const FORWARDING = ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'];

/** The forwarding switches that a tunnel with these addresses needs; an IPv6 router ignores router advertisements (RFC 4861). */
export function forwardingFor(addresses: readonly string[]): readonly string[] {
  return FORWARDING.filter((name) => addresses.some((address) => name.startsWith(isIpv6(address) ? 'net.ipv6' : 'net.ipv4')));
}

/** ip(8) and sysctl(8). */
export function createIp(run: Run): Ip {
  const family = (network: string) => (isIpv6(network) ? '-6' : '-4');

  async function routes(name: string, version: '-4' | '-6'): Promise<readonly Cidr[]> {
    const { stdout } = await run(['ip', '-j', version, 'route', 'show', 'dev', name, 'proto', ROUTE_PROTOCOL]);
    return (parseJson(stdout) as readonly { readonly dst: string }[]).map(({ dst }) => canonical(dst, version === '-6' ? 128 : 32));
  }

  return {
    async observe(name) {
      const { stdout } = await run(['ip', '-j', 'address', 'show']);
      const link = (parseJson(stdout) as readonly AddressJson[]).find(({ ifname }) => ifname === name);
      if (!link) return null;
      const addresses = (link.addr_info ?? [])
        .filter(({ scope }) => scope !== 'link')
        .map(({ local, prefixlen }) => `${parseAddress(local) ?? local}/${prefixlen}`);
      return {
        mtu: link.mtu ?? 0,
        isUp: link.flags?.includes('UP') ?? false,
        addresses,
        routes: (await Promise.all([routes(name, '-4'), routes(name, '-6')])).flat(),
      };
    },
    async create(name) {
      const { exitCode } = await run(['ip', 'link', 'add', name, 'type', 'wireguard'], { acceptedExitCodes: [0, 1, 2] });
      if (exitCode === 0) return;
      // In a session of its own, so that what ends the service or its terminal does not end the tunnels.
      await run(['setsid', 'wireguard-go', name]).catch((cause: unknown) => {
        throw cause instanceof Unavailable ? cause : new ApplyFailed(`cannot make the interface ${name}: neither the kernel nor wireguard-go does`, { cause });
      });
    },
    setLink: async (name, mtu) => void (await run(['ip', 'link', 'set', 'dev', name, 'mtu', String(mtu), 'up'])),
    addAddress: async (name, address) =>
      void (await run(['ip', family(address), 'address', 'replace', address, 'dev', name, ...(isIpv6(address) ? ['nodad'] : [])])),
    removeAddress: async (name, address) => void (await run(['ip', family(address), 'address', 'del', address, 'dev', name])),
    // Never `replace`: that would take the place of a route of the box's own, say the LAN's, and cut everybody off.
    addRoute: async (name, route) => {
      const { exitCode, stderr } = await run(['ip', family(route), 'route', 'add', route, 'dev', name, 'proto', ROUTE_PROTOCOL], { acceptedExitCodes: [0, 2] });
      if (exitCode !== 0)
        throw new ApplyFailed(`cannot add route ${route}: ${stderr.includes('File exists') ? 'the box has another one to it' : stderr.trim()}`);
    },
    removeRoute: async (name, route) => void (await run(['ip', family(route), 'route', 'del', route, 'dev', name, 'proto', ROUTE_PROTOCOL])),
    async missingForwarding() {
      const { stdout } = await run(['sysctl', '-e', ...FORWARDING]);
      return FORWARDING.filter((name) => stdout.includes(`${name} = 0`));
    },
    enableForwarding: async (names) => void (await run(['sysctl', '-qw', ...names.map((name) => `${name}=1`)])),
  };
}

// `ip -j` prints nothing at all, or an empty object, where there is nothing.
function parseJson(text: string): unknown {
  const parsed: unknown = text.trim() === '' ? [] : JSON.parse(text);
  return Array.isArray(parsed) ? parsed.filter((item) => typeof item === 'object' && Object.keys(item as object).length > 0) : [];
}

function canonical(destination: string, bits: number): Cidr {
  const text = destination === 'default' ? (bits === 32 ? '0.0.0.0/0' : '::/0') : destination;
  return (text.includes('/') ? text : `${text}/${bits}`) as Cidr;
}
