import type { Middleware } from 'koa';
import helmet from 'koa-helmet';

/** Once browsers know the certificate they never ask by http again (RFC 6797); before that it would lock people out. */
export function strictTransport(isPubliclyTrusted: () => boolean): Middleware {
  return async (ctx, next) => {
    if (ctx.secure && isPubliclyTrusted()) ctx.set('Strict-Transport-Security', 'max-age=31536000');
    await next();
  };
}

/** The policy every answer carries: nothing from elsewhere, nothing inline, no evaluation, no framing. */
export function securityHeaders(isHttps: boolean): Middleware {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    crossOriginEmbedderPolicy: false,
    // Over plain http browsers ignore these two and complain in the console.
    crossOriginOpenerPolicy: isHttps,
    originAgentCluster: isHttps,
    referrerPolicy: { policy: 'same-origin' },
    strictTransportSecurity: false,
    xPoweredBy: false,
  }) as Middleware;
}
