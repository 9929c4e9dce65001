import ipaddr from 'ipaddr.js';
import type { Middleware } from 'koa';

/**
 * Sets `ctx.ip` to who really asks: the connection's address, or, when that is a proxy named in WG_TRUSTED_PROXIES,
 * the last address in X-Forwarded-For that is not a trusted proxy itself. Anybody else's header counts for nothing.
 */
export function clientAddress(trustedProxies: readonly string[]): Middleware {
  const trusted = trustedProxies.map((proxy) => (proxy.includes('/') ? ipaddr.parseCIDR(proxy) : wholeAddress(proxy)));
  const isTrusted = (address: string) => trusted.some(([network, prefix]) => matches(address, network, prefix));

  return async (ctx, next) => {
    const chain = [
      ...ctx
        .get('x-forwarded-for')
        .split(',')
        .map((hop) => hop.trim()),
      plain(ctx.req.socket.remoteAddress ?? ''),
    ].filter((hop) => ipaddr.isValid(hop));
    let address = chain.pop() ?? '';
    while (chain.length > 0 && isTrusted(address)) address = chain.pop() ?? address;
    ctx.request.ip = plain(address);
    await next();
  };
}

function wholeAddress(address: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  const parsed = ipaddr.parse(address);
  return [parsed, parsed.kind() === 'ipv4' ? 32 : 128];
}

function matches(address: string, network: ipaddr.IPv4 | ipaddr.IPv6, prefix: number): boolean {
  const parsed = ipaddr.process(address);
  return parsed.kind() === network.kind() && parsed.match(network, prefix);
}

/** `::ffff:192.0.2.1` is 192.0.2.1 on a socket of both families. */
function plain(address: string): string {
  return ipaddr.isValid(address) ? ipaddr.process(address).toString() : address;
}
